-- Sends requests that were prepared in a file, each once: eight digits that say how long it is, then its bytes.
-- What was answered goes to standard output as one line of JSON.

local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int process, int signal);")

local SIGINT = 2 -- after which wrk tells what it has measured so far; else it waits for the end of its time
local file

function init(args)
   file = assert(io.open(args[1], "rb"))
end

function request()
   local length = file:read(8)
   if not length then
      wrk.thread:stop()
      ffi.C.kill(ffi.C.getpid(), SIGINT)
      return wrk.format("GET", "/healthz")  -- the file is through; this one is not counted as an event
   end
   return file:read(tonumber(length))
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '\nRESULT {"answered": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %.1f, "p99": %.1f}\n',
      summary.requests, summary.duration, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
