-- GET with a bearer token. Arguments: TOKENS_FILE cycle|once
-- "cycle" uses the tokens in turn again and again; "once" sends each token once and stops when none is left.
dofile("report.lua")

local verifying = true -- wrk asks for one request that it never sends

function init(args)
  requests, position, once = {}, 0, args[2] == "once"
  for _, token in ipairs(read_lines(args[1])) do
    wrk.headers["Authorization"] = "Bearer " .. token
    requests[#requests + 1] = wrk.format()
  end
end

function request()
  if verifying then
    verifying = false
    return requests[1]
  end
  position = position + 1
  if position > #requests then
    if once then
      wrk.thread:stop()
      return requests[#requests]
    end
    position = 1
  end
  return requests[position]
end
