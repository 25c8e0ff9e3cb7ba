-- Every script ends by printing one line, "result {...}", which the harness reads.
threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function read_lines(name)
  local lines = {}
  for line in io.lines(name) do lines[#lines + 1] = line end
  return lines
end

function done(summary, latency, requests)
  local errors = summary.errors
  local tokens_file = threads[1]:get("tokens_file")
  if tokens_file then
    local file = assert(io.open(tokens_file, "w"))
    for _, token in ipairs(threads[1]:get("issued")) do file:write(token, "\n") end
    file:close()
  end
  io.write(string.format(
    'result {"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
