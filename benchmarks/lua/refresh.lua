-- Chained refreshes: the refresh token of an answer is the next request of that session, and a session is handed
-- out only when its previous answer has come. One thread, since wrk keeps the queue per thread.
-- Arguments: REFRESH_TOKENS_FILE CONTENT_TYPE BODY_WITH_AN_@ TOKENS_FILE|-
-- The access tokens of the answers are written to TOKENS_FILE.
dofile("report.lua")

issued = {}
local verifying = true -- wrk asks for one request that it never sends
local queue, first, last = {}, 1, 0
local before, after

local function configure(args)
  before, after = args[3]:match("^(.-)@(.*)$")
  if args[4] ~= "-" then tokens_file = args[4] end
end

function init(args)
  configure(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = args[2]
  for _, token in ipairs(read_lines(args[1])) do
    last = last + 1
    queue[last] = token
  end
end

function request()
  local token = queue[first]
  if verifying then
    verifying = false
  else
    queue[first] = nil
    first = first + 1
  end
  return wrk.format(nil, nil, nil, before .. (token or "none-left") .. after)
end

function response(status, headers, body)
  local token = body:match('"refresh_token"%s*:%s*"([^"]+)"')
  if status ~= 200 or not token then return end
  last = last + 1
  queue[last] = token
  if tokens_file then issued[#issued + 1] = body:match('"access_token"%s*:%s*"([^"]+)"') end
end
