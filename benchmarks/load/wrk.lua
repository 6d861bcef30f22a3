-- What wrk sends, by the first argument after `--`: get, post (second argument: the body), pipeline ×16,
-- or close: a new connection for each request.
-- At the end one JSON line with exact counts, in place of wrk's rounded table.

local DEPTH = 16

function init(args)
  local mode = args[1]
  if mode == "post" then
    wrk.method = "POST"
    wrk.body = args[2]
    wrk.headers["Content-Type"] = "application/octet-stream"
  end
  if mode == "close" then
    wrk.headers["Connection"] = "close"
  end
  if mode == "pipeline" then
    local batch = string.rep(wrk.format(), DEPTH)
    request = function() return batch end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, ' ..
    '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
