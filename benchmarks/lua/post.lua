-- The same POST again and again; with several threads each sends the body of its own line.
-- Arguments: BODIES_FILE CONTENT_TYPE
dofile("report.lua")

function init(args)
  local bodies = read_lines(args[1])
  wrk.method = "POST"
  wrk.body = bodies[(number - 1) % #bodies + 1]
  wrk.headers["Content-Type"] = args[2]
end
