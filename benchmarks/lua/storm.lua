-- Logins at a steady rate, whatever the server says to them, and how often it said what.
-- Arguments: BODIES_FILE CONTENT_TYPE PAUSE_MS (between two requests of a connection)
dofile("report.lua")

function init(args)
  bodies, pause, place = read_lines(args[1]), tonumber(args[3]), number
  wrk.headers["Content-Type"] = args[2]
  done_, busy, other = 0, 0, 0
end

function delay()
  return pause
end

function request()
  place = place % #bodies + 1
  return wrk.format("POST", nil, nil, bodies[place])
end

function response(status, headers)
  if status == 200 then
    done_ = done_ + 1
  elseif status == 503 and headers["retry-after"] then
    busy = busy + 1
  else
    other = other + 1
  end
end

function done(summary, latency, requests)
  local sums = {done_ = 0, busy = 0, other = 0}
  for _, thread in ipairs(threads) do
    for name, sum in pairs(sums) do sums[name] = sum + thread:get(name) end
  end
  local errors = summary.errors
  io.write(string.format('result {"seconds":%.6f,"done":%d,"busy":%d,"other":%d,"broken":%d}\n',
    summary.duration / 1e6, sums.done_, sums.busy, sums.other,
    errors.connect + errors.read + errors.write + errors.timeout))
end
