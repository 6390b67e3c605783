---@meta gateway

-- What `require "gateway"` returns, for editors (scripts/.luarc.json points here) and as the source
-- of docs/scripting.md (`make docs`). Nothing here runs. Seconds are numbers, with fractions where
-- you like. spec/unit/types_spec.lua compares it with what the prelude has and takes.

---@class gateway
---@field version string           of the gateway
---@field development boolean      GATEWAY_ENV is "development": a failing script shows a page
---@field json gateway.json
---@field log gateway.log
---@field metric gateway.metric
local gateway = {}

-- --- while the scripts load ---------------------------------------------------------------------

--- What an Idempotency-Key does to a route with `idempotency = true`. The request is done once:
--- sent again with the same key, by the same caller (the same Authorization, or none), to the same
--- route, it is given the stored status, headers and body, with `Idempotency-Replayed: true`.
--- Another method, path, query or body with this key: 422. While the first is still in work: 409
--- with Retry-After. A key that is not one quoted string, or one word, of 1 to 255 characters: 400.
--- The journal cannot be used: 503. `before` filters run first, each time; `after` filters have had
--- their say in what is stored.
---
--- Stored is what the handler returned, whatever its status; and from the moment a saga commits,
--- 201 with what commit() was given, until the handler has returned. Not stored is what was raised:
--- gateway.fail(), failures of backends, bugs, cancelled requests; the key is then free, and a
--- retry runs anew, after a saga once all of it has been undone. Nor are answers of more than
--- IDEMPOTENCY_MAX_BYTES: a repetition is then told so, with 409 and no Retry-After.
---@class gateway.Idempotency
---@field required? boolean  a request without a key: 400

--- What a route may have.
---@class gateway.RouteOptions
---@field deadline? number         seconds for the whole request; default SERVICE_TIMEOUT. It is
---                                lowered by a caller's X-Request-Timeout-Ms
---@field max_body? integer        bytes; a longer body is answered with 413; default
---                                MAX_BODY_BYTES
---@field idempotency? boolean|gateway.Idempotency  whether requests may bear an Idempotency-Key
---@field before? gateway.Before|gateway.Before[]  filters of this route, after those of all
---@field after? gateway.After|gateway.After[]  likewise

--- Runs before the handler. Returning a status (and body, headers) answers in the handler's place.
---@alias gateway.Before fun(req: gateway.Request): integer?, any?, table?

--- Runs after the handler, also when it failed, and may change the response.
---@alias gateway.After fun(req: gateway.Request, response: gateway.Answered)

--- What is going to be sent, for a filter after the handler.
---@class gateway.Answered
---@field status integer
---@field body any                 a table becomes JSON, a string is sent as it is
---@field headers table<string, string|number|string[]>

--- Declares a route. The handler returns status, body and headers: a table becomes JSON, a string
--- is sent as it is (text/plain unless the headers say content-type), nil is no body. What it
--- raises is answered as application/problem+json.
---
---     gateway.route("GET /greet/:name", { deadline = 2 }, function(req)
---       return 200, { hello = req.params.name }
---     end)
---@param target string            "METHOD /path/:param"; a parameter is one segment
---@param options gateway.RouteOptions
---@param handler fun(req: gateway.Request): integer, any?, table?
---@overload fun(target: string, handler: fun(req: gateway.Request): integer, any?, table?)
function gateway.route(target, options, handler) end

--- A filter before each route of the scripts, also of those declared earlier.
---@param fn gateway.Before
function gateway.before(fn) end

--- A filter after each route of the scripts, also of those declared earlier.
---@param fn gateway.After
function gateway.after(fn) end

--- When a breaker opens: after so many failures in a row, or when too large a part of a window of
--- calls failed or was slow; both may be on. Failures are connect, dns, tls, timeout, decode,
--- too_large and statuses from 500 up, not what a client did wrong or did not wait for.
---@class gateway.BreakerOptions
---@field threshold? integer|false in a row; false: never; default CIRCUIT_BREAKER_THRESHOLD
---@field window? gateway.Window   what the rates below are measured of
---@field failure_rate? number     share of its calls, up to 1; default 0.5 where there is a window
---@field slow_call? number        seconds: a call that takes as long is slow
---@field slow_rate? number        share of its calls, up to 1; default 1 where there is a slow_call
---@field minimum_calls? integer   in the window before a rate counts; default 10, or all it holds
---@field recovery? number         seconds it stays open; default CIRCUIT_BREAKER_TIMEOUT
---@field recovery_max? number     seconds; failed trials double `recovery` up to this; default 8
---                                times that
---@field trials? integer          calls let through at once to see whether all is well again, and
---                                successes in all to close it; default 3

--- Either of them.
---@class gateway.Window
---@field calls? integer           the last so many
---@field seconds? integer         those of the last so many seconds

--- `url` or `urls` is needed; all else has a default. A breaker's options are options, too.
---@class gateway.BackendOptions : gateway.BreakerOptions
---@field url? string              "http://inventory:8001", without a path at the end or with one
---@field urls? string[]           in its place: up to 64 hosts that are as good as each other; each
---                                attempt goes to the less busy of two, a retry to another one
---@field connect_timeout? number  seconds; default CONNECT_TIMEOUT
---@field timeout? number          seconds of a whole call: waiting, attempts and the pauses between
---                                them; default SERVICE_TIMEOUT
---@field try_timeout? number      seconds of one attempt; default: as long as the call has
---@field max_response? integer    bytes; a longer response is a failure of kind "too_large";
---                                default MAX_RESPONSE_BYTES
---@field count_429? boolean       "Too Many Requests" is a failure for the breaker; default false
---@field breaker_per_host? boolean  each of several hosts has a breaker of its own too, so that
---                                one that fails is left out; default true
---@field attempts? integer        at a call, the first one included; default 3. A further one is
---                                made of GET, HEAD, PUT, DELETE, OPTIONS and what is `idempotent`
---                                after a try's timeout or a status of `retry_on`; of anything that
---                                certainly never left (connect, dns, tls)
---@field hedge? number            seconds, of what may be sent twice; see gateway.CallOptions;
---                                default: never
---@field retry_on? integer[]      default { 502, 503, 504 }
---@field retry_base? number       seconds: the pause before the first retry is random, up to this,
---                                and twice as long before each further one; default 0.025
---@field retry_cap? number        seconds; default 0.25. A Retry-After is waited out if it fits
---@field retry_budget? number     retries and hedges of all, as a share of calls; default 0.2
---@field retry_min? integer       so many are allowed in each second in any case; default 3
---@field max_concurrent? integer  calls at once, over all workers; default: no limit
---@field max_waiting? integer     so many more wait for a place, within their timeout and deadline;
---                                the next is a failure of kind "refused"; default 0
---@field health? gateway.Health   ask each host by itself whether it is well; default: nobody asks

--- Active health checks.
---@class gateway.Health
---@field path string              "/health"; an answer below 400 is well
---@field interval? number         seconds; default 5
---@field healthy? integer         good answers in a row that bring a host back; default 2
---@field unhealthy? integer       bad answers in a row that leave it out; default 3

--- Of a breaker. The last two are set by hand.
---@alias gateway.BreakerState "closed"|"open"|"half_open"|"forced_open"|"disabled"

--- Declares a backend, once for each name. The name stands in the log, and is its breaker's, which
--- outlives a reload; the options are in force when the scripts are live.
---
---     local pricing <const> = gateway.backend("pricing", {
---       url = gateway.env("PRICING_SERVICE_URL", "http://127.0.0.1:8002"),
---       timeout = 2,
---     })
---@param name string              letters, digits, "_", "." and "-"
---@param options gateway.BackendOptions
---@return gateway.Backend
function gateway.backend(name, options) end

--- A circuit breaker of your own, around anything that can fail; shared by all workers. Declared
--- once for each name.
---@param name string
---@param options? gateway.BreakerOptions
---@return gateway.Breaker
function gateway.breaker(name, options) end

--- Declares a kind of background job. What fn returns is the job's result, as JSON of up to
--- MAX_JOB_RESULT_BYTES. A failure that would be answered with 5xx, or the end of the process,
--- gives it another attempt, up to three in all: so fn bears being run twice. It has ten minutes.
---@param kind string
---@param fn fun(args: any, job: gateway.Job): any
function gateway.job(kind, fn) end

-- --- the request --------------------------------------------------------------------------------

--- What the handler is given.
---@class gateway.Request
---@field method string            "GET"
---@field path string              as sent, without the query
---@field query table<string, string>    decoded; the last one of a name
---@field params table<string, string>   of the route, decoded
---@field headers table<string, string>  names in small letters
---@field body? string             as sent; nil where there is none
---@field correlation_id string    also on the response, on each backend call and log line
---@field client string            the peer's address
---@field route string             "GET /greet/:name"
local Request = {}

--- The decoded body. Answers 415 if it does not say that it is JSON, 400 if it is not.
---@return any
function Request:json() end

-- --- backends -----------------------------------------------------------------------------------

--- What gateway.backend() returns. Its methods describe requests and send nothing.
---@class gateway.Backend
---@field name string
local Backend = {}

--- Of one call. All other names are values for the path's {templates}. They are percent-encoded, so
--- that an id never becomes another path; "", "." and ".." are answered with 400.
---@class gateway.CallOptions
---@field query? table<string, string|number|boolean|(string|number|boolean)[]>
---@field headers? table<string, string|number>  but those the gateway writes: host, connection,
---                                expect, content-length, transfer-encoding, x-correlation-id,
---                                x-request-timeout-ms, traceparent, tracestate
---@field json? any                sent as the body, as JSON
---@field body? string             sent as it is
---@field timeout? number          seconds of the whole call; default the backend's
---@field try_timeout? number      seconds of one attempt; default the backend's
---@field attempts? integer        default the backend's
---@field idempotent? boolean      whether it may be sent twice; default: what its method says
---@field hedge? number            seconds without an answer, after which a second attempt is made;
---                                the first answer wins, the other is cancelled. Only of what may
---                                be sent twice, and only within the retry budget
---@field raw? boolean             the response's body is not decoded
---@field expect? fun(json: any): string?  looks at the response's JSON; a reason that it
---                                returns makes it a failure of kind "decode", of which the
---                                backend's breaker does not hear
---@field fallback? any            a failure does not raise. true: the response has only `error`; a
---                                function: `json` is what it makes of the failure; else `json`
---@field [string] string|number  a value for the path

--- Describes a request; gateway.call, gather, first or a saga sends it.
---@param path string              "/products/{id}"
---@param options? gateway.CallOptions
---@return gateway.Call
function Backend:get(path, options) end
---@param path string
---@param options? gateway.CallOptions
---@return gateway.Call
function Backend:head(path, options) end
---@param path string
---@param options? gateway.CallOptions
---@return gateway.Call
function Backend:delete(path, options) end
---@param path string
---@param options? gateway.CallOptions
---@return gateway.Call
function Backend:post(path, options) end
---@param path string
---@param options? gateway.CallOptions
---@return gateway.Call
function Backend:put(path, options) end
---@param path string
---@param options? gateway.CallOptions
---@return gateway.Call
function Backend:patch(path, options) end
---@param method string
---@param path string
---@param options? gateway.CallOptions
---@return gateway.Call
function Backend:request(method, path, options) end

--- Of its breaker, which all workers share.
---@return gateway.BreakerState
function Backend:state() end

--- A request that is described and not yet sent: plain data.
---@class gateway.Call
---@field backend string
---@field method string
---@field path string
---@field options? gateway.CallOptions

--- What came back.
---@class gateway.Response
---@field status? integer          nil where a fallback stands in
---@field json? any                the decoded body, if it is JSON
---@field body? string             the body, if it is not
---@field headers table<string, string>  names in small letters; a fallback has none
---@field error? gateway.Failure   with a fallback: why it was needed

--- "status" is an answer from 400 up, "decode" one that cannot be read, "refused" one that found no
--- place (max_concurrent); "problem" is gateway.fail's, "dropped" gateway.drop's.
---@alias gateway.FailureKind
---| "connect" | "dns" | "tls" | "timeout" | "deadline" | "open" | "refused" | "status" | "decode"
---| "too_large" | "cancelled" | "problem" | "dropped"

--- Raised by a call without a fallback. Not caught, it is answered: open and refused with 503,
--- timeout and deadline with 504, a backend's 400, 404, 409 and 422 as they are, the rest with 502.
---@class gateway.Failure
---@field kind gateway.FailureKind
---@field backend? string
---@field method? string
---@field path? string
---@field status? integer          the backend's
---@field attempts? integer        how often it was sent; 0: not at all
---@field message? string          for the log
---@field retry_after? number      seconds, with kinds "open" and "refused"
---@field json? any                what the backend said, with kind "status"
---@field body? string             the same, if it is not JSON
---@field detail? string           with kind "problem": what gateway.fail was given
---@field members? table           likewise
local Failure = {}

--- One sentence that may be told to clients.
---@return string
function Failure:reason() end

--- The status the gateway answers with if nobody catches it.
---@return integer
function Failure:response_status() end

--- `retry_after` as whole seconds, at least 1: what a Retry-After header can say.
---@return integer
function Failure:retry_seconds() end

-- --- in a handler or a job ----------------------------------------------------------------------

--- Of gather and map.
---@class gateway.Limit
---@field limit? integer           at most this many at once

--- Sends one request. Raises a gateway.Failure unless the request has a fallback.
---@param call gateway.Call
---@return gateway.Response
function gateway.call(call) end

--- Sends all requests that are the leaves of `tree` and returns the same shape with their
--- responses. A failure without a fallback cancels the others and is raised.
---
---     local page <const> = gateway.gather {
---       product = b.inventory:get("/products/{id}", { id = id }),
---       price = b.pricing:get("/prices/{id}", { id = id }),
---     }
---     return 200, { name = page.product.json.name, price = page.price.json.basePrice }
---@param tree table
---@param options? gateway.Limit
---@return table
function gateway.gather(tree, options) end

--- The `n` responses that arrive first, in that order, and their places in `calls`; the other calls
--- are cancelled. Where fewer than `n` succeed fallbacks stand in, or it raises.
---@param n integer
---@param calls gateway.Call[]
---@return gateway.Response[], integer[]
function gateway.first(n, calls) end

--- Runs fn for each item, `limit` (10) at once, and returns the results in the list's order. The
--- first error cancels the others and is raised when they have ended.
---@generic T, R
---@param list T[]
---@param fn fun(item: T, index: integer): R
---@param options? gateway.Limit
---@return R[]
function gateway.map(list, fn, options) end

--- Waits; other requests go on.
---@param seconds number
function gateway.sleep(seconds) end

--- A series of steps, each beside its undo. Left without commit() - by an error, a cancelled
--- request or a return - it is undone, newest first. Declare it with <close>.
---
---     local saga <close> = gateway.saga("order", id)
---     saga:step(b.stock:post("/reserve", ...), b.stock:post("/release", ...))
---     saga:commit()
---
--- It outlives the process: what there is to undo is in the journal before a step is sent, and what
--- is neither committed nor undone when the gateway ends, or is killed, is undone when it starts
--- again. An undo that fails is tried again, up to an hour apart, until it is done or an operator
--- resolves it. So an undo must bear to be sent twice, and to come before its step or without it.
---
--- Kind and id are its name. One that is under way or committed cannot begin again (a problem 409);
--- one that was undone can.
---@param kind string
---@param id string
---@return gateway.Saga
function gateway.saga(kind, id) end

--- What gateway.saga() returns.
---@class gateway.Saga
---@field kind string
---@field id string
local Saga = {}

--- Sends `act`, once its undo is in the journal; a problem 503 if that cannot be written. Its undo
--- counts from before it is sent, unless the failure proves that nothing happened: after a timeout,
--- for one, the step is undone. Of the options of an undo count query, headers, json, body and
--- timeout.
---@param act gateway.Call
---@param undo? gateway.Call
---@return gateway.Response
function Saga:step(act, undo) end

--- What was done stays. Returns when that is durable; a problem 503 if it cannot be.
---@param result? any              kept with it, for saga_status(); travels as JSON
function Saga:commit(result) end

--- Undoes now.
---@param reason? string           for the log, and for saga_status()
function Saga:undo(reason) end

--- A request that undoes a step, as problems and saga_status() name it.
---@class gateway.Undo
---@field backend string
---@field method string
---@field path string
---@field body? any                not kept once the saga is over
---@field reason? string           why it failed

--- What the journal has of a saga.
---@class gateway.SagaStatus
---@field kind string
---@field id string
---@field state "open"|"committed"|"compensating"|"undone"|"resolved"
---@field reason? string           why it is undone, or resolved
---@field result? any              what commit() was given
---@field undone? gateway.Undo[]   newest first
---@field undo_failed? gateway.Undo[] that are still to be done
---@field created_at number        seconds since 1970
---@field changed_at number

--- What became of a saga, from the journal: also of one of an earlier process. nil if there is none
--- of this name, or it has been forgotten. A problem 503 if the journal cannot be read.
---@param kind string
---@param id string
---@return gateway.SagaStatus?
function gateway.saga_status(kind, id) end

--- Ends the request with a problem (RFC 9457).
---
---     gateway.fail(409, "the shop is closed", { opens_at = "09:00" })
---@param status integer           400 to 599
---@param detail? string
---@param members? table           further members of the answer
function gateway.fail(status, detail, members) end

--- Closes the connection without an answer.
function gateway.drop() end

--- Seconds until the request's deadline; nil where there is none.
---@return number?
function gateway.remaining() end

--- What gateway.breaker() returns.
---@class gateway.Breaker
---@field name string
local Breaker = {}

--- Calls fn(...) and returns its results. What fn raises counts as a failure, but for a client's
--- mistake (status below 500). Open: raises a failure of kind "open" without calling.
---@param fn function
---@param ... any                  passed on to fn
---@return any ...
function Breaker:call(fn, ...) end

--- As all workers see it.
---@return gateway.BreakerState
function Breaker:state() end

--- Queues a job and returns its id. From then on it will be done, also if the process ends, if
--- there is a DATA_DIR. Answers 503 if there are too many, or if the journal cannot be written.
---@param kind string
---@param args? any                travels as JSON
---@return string
function gateway.enqueue(kind, args) end

--- What is known of a background job.
---@class gateway.JobStatus
---@field id string
---@field kind string
---@field status "queued"|"running"|"done"|"failed"|"cancelled"
---@field progress integer         per cent
---@field attempts integer         how often it has been begun
---@field created_at number        seconds since 1970
---@field finished_at? number
---@field result? gateway.Buffer   of one that is done, where it was asked for: JSON
---@field error? string            why it failed; of one that is queued, why its last attempt did

--- How far a job is, and what came of it. nil for one that never was, or that ended more than a day
--- ago. Answers 503 if the journal cannot be read.
---@param id string
---@param options? { result: boolean }  with `result`: the result is read, too
---@return gateway.JobStatus?
function gateway.job_status(id, options) end

--- Cancels a job that is not over: it is not run any more, and if it runs its calls end and raise
--- `cancelled`. One that is over is forgotten. Answers 503 if the journal cannot be written.
---@param id string
---@return gateway.JobStatus?      as it was before; nil: there is no such job
function gateway.job_cancel(id) end

--- The jobs of a kind, the newest first: at most `limit`, 100 if not said otherwise, up to 1000.
---@param kind string
---@param options? gateway.Limit
---@return gateway.JobStatus[]
function gateway.jobs(kind, options) end

--- What the function of a job is given beside its arguments.
---@class gateway.Job
---@field id string
local Job = {}

--- Says how far it is.
---@param percent number           0 to 100
function Job:progress(percent) end

-- --- stores -------------------------------------------------------------------------------------

--- Values by key, kept in DATA_DIR/store-NAME.db (in memory without DATA_DIR), shared by all
--- workers and outliving reloads and crashes. For what a gateway has to remember itself: counters,
--- flags, ledgers. Only while the scripts load; up to 16 of them. Its methods are for handlers and
--- jobs.
---
---     local visits <const> = gateway.store "visits"
---     gateway.route("GET /hello/:name", function(req)
---       return 200, { visits = visits:add(req.params.name, 1) }
---     end)
---@param name string              up to 64 letters, digits, '_' and '-'
---@return gateway.Store
function gateway.store(name) end

--- What changes a store returns when the change is durable. A problem 503 if the disk fails: then
--- the change has probably not been made, but may have been. A request that is cancelled while it
--- waits does not hear which. Keys are strings of 1 to 512 bytes; values are JSON of up to 1 MiB.
---@class gateway.Store
---@field name string
local Store = {}

---@param key string
---@return any value               nil if there is none
---@return integer? version        another one after each change of the key, never used twice
function Store:get(key) end

---@param key string
---@param value any                not nil
function Store:put(key, value) end

---@param key string
---@return boolean existed
function Store:delete(key) end

--- How much of a list is wanted.
---@class gateway.ListOptions
---@field limit? integer           1 to 1000, default 100
---@field after? string            a key: what comes after it

--- One of a list.
---@class gateway.Entry
---@field key string
---@field value any
---@field version integer

--- The entries whose key begins with `prefix`, in the order of their bytes. To go on, say `after`
--- the last key.
---@param prefix string
---@param options? gateway.ListOptions
---@return gateway.Entry[]
---@return boolean more            there are more: a list has up to 8 MiB, too
function Store:list(prefix, options) end

--- Beyond which a sum may not go.
---@class gateway.Bounds
---@field min? integer
---@field max? integer

--- Adds to the whole number that is there, or to 0. Many may do so at once.
---@param key string
---@param by integer
---@param bounds? gateway.Bounds
---@return integer? sum            nil: it would be out of bounds, and was not changed
function Store:add(key, by, bounds) end

--- Puts what `fn` makes of the value, nil being none. If somebody else changes it meanwhile, `fn`
--- is called again with the new one, up to 100 times; so it does nothing else.
---@param key string
---@param fn fun(value: any): any
---@return any
function Store:update(key, fn) end

--- One of a transaction: one of put, delete, add and expect.
---@class gateway.Change
---@field put? string              a key, with `value`
---@field delete? string
---@field add? string              with `by`; refused if the sum is below `min` or above `max`
---@field expect? string           refused unless the key has this `version`; nil: is not there
---@field value? any
---@field by? integer
---@field min? integer
---@field max? integer
---@field version? integer

--- Makes all of the changes, in their order, or none if one is refused; nobody sees a part of them.
---
---     local moved <const>, index <const> = stock:transaction {
---       { add = "shelf/TEST-001", by = -2, min = 0 },
---       { expect = "order/17" },
---       { put = "order/17", value = { product = "TEST-001", quantity = 2 } },
---     }
---@param changes gateway.Change[] 1 to 1000, of up to 8 MiB together; each has one of put, delete,
---                                add, expect
---@return boolean done
---@return integer? index          of the change that was refused
function Store:transaction(changes) end

-- --- metrics ------------------------------------------------------------------------------------

--- Metrics of your own, beside the gateway's at GET /metrics of the admin listener. They are
--- declared while the scripts load and counted in handlers and jobs, by all workers together,
--- without a lock. Across reloads they go on under their name; another type, other labels or other
--- buckets are an error of the load, since Prometheus could not tell the two apart.
---
---     local metric <const> = require("gateway").metric
---     local rejected <const> = metric.counter("shop_orders_rejected_total", {
---       help = "Orders that were not taken, by reason",
---       labels = { "reason" },
---     })
---     rejected:inc { reason = "stock" }
---
--- Names are Prometheus' kind: small letters, digits and "_", the unit last (seconds, bytes), and
--- "_total" for counters. Those that begin with "moongate_" or "process_" are taken.
---@class gateway.metric
local metric = {}

--- How a metric is declared.
---@class gateway.MetricOptions
---@field help string              one sentence: what it is
---@field labels? string[]         up to 6 names. Each combination of values is a series of its own,
---                                so no label for what there is without end: an id, a path
---@field max_series? integer      up to 2000, default 100: what is beyond is counted in one series,
---                                whose labels say "overflow", and the log says so. Values are cut
---                                at 128 bytes

--- The same of a histogram, with its buckets.
---@class gateway.HistogramOptions : gateway.MetricOptions
---@field buckets? number[]        up to 40 upper bounds, ascending; default 0.005 to 10, for
---                                seconds

--- What only grows.
---@param name string              ends in "_total"
---@param options gateway.MetricOptions
---@return gateway.Counter
function metric.counter(name, options) end

--- What goes up and down.
---@param name string
---@param options gateway.MetricOptions
---@return gateway.Gauge
function metric.gauge(name, options) end

--- How often values were up to which bound, their number and their sum.
---@param name string
---@param options gateway.HistogramOptions
---@return gateway.Histogram
function metric.histogram(name, options) end

--- The values of a metric's labels, all of them: strings, whole numbers, true or false.
---@alias gateway.Labels table<string, string|integer|boolean>

--- What gateway.metric.counter() returns.
---@class gateway.Counter
---@field name string
local Counter = {}

--- Adds one.
---@param labels? gateway.Labels
function Counter:inc(labels) end

--- Adds to it.
---@param n number                 0 or more
---@param labels? gateway.Labels
function Counter:add(n, labels) end

--- What gateway.metric.gauge() returns.
---@class gateway.Gauge
---@field name string
local Gauge = {}

--- What it is now, whichever worker says so.
---@param value number
---@param labels? gateway.Labels
function Gauge:set(value, labels) end

--- Adds to it; with a negative number it goes down.
---@param by number
---@param labels? gateway.Labels
function Gauge:add(by, labels) end

--- What gateway.metric.histogram() returns.
---@class gateway.Histogram
---@field name string
local Histogram = {}

--- One value more.
---@param value number
---@param labels? gateway.Labels
function Histogram:observe(value, labels) end

-- --- anywhere -----------------------------------------------------------------------------------

--- A setting, or a variable of the environment that SCRIPT_ENV lists; any other is an error.
---@param name string
---@param default string           where it is not set; without one that is nil
---@return string
---@overload fun(name: string): string?
function gateway.env(name, default) end

--- A new UUID (version 7: they sort by time).
---@return string
function gateway.id() end

--- Bytes that are not in Lua's memory: a job's result, or a body that is built piece by piece.
--- Returned as the body of an answer they move there; the buffer is empty then.
---@class gateway.Buffer
local Buffer = {}

---@param ... string|number
---@return gateway.Buffer          itself
function Buffer:write(...) end

---@return string
function Buffer:text() end

--- Raises if it is not JSON.
---@return any
function Buffer:json() end

--- The member `name` of the JSON object in the buffer; it alone is decoded.
---@param name string
---@return any                     nil if there is none
function Buffer:get(name) end

--- The elements of the array that is the member `name` of the JSON object in the buffer, one after
--- the other: `for row in buffer:each "rows" do`. Each is decoded when it is its turn.
---@param name string
---@return fun(): any
function Buffer:each(name) end

--- A new, empty one.
---@return gateway.Buffer
function gateway.buffer() end

--- Seconds since 1970, with their fraction.
---@return number
function gateway.now() end

--- One line with its fields, the correlation id and the place in the script. print() is log.info.
--- What is called like a secret, or looks like one, is not shown; see the README.
---@class gateway.log
local log = {}

---@param message any
---@param fields? table
function log.debug(message, fields) end
---@param message any
---@param fields? table
function log.info(message, fields) end
---@param message any
---@param fields? table
function log.warn(message, fields) end
---@param message any
---@param fields? table
function log.error(message, fields) end

--- JSON that keeps what it was given: 64-bit integers, [] against {}, null, the shortest decimals.
---@class gateway.json
---@field null lightuserdata      JSON's null, since nil in a table is no member
local json = {}

--- Raises what JSON cannot say: nan, functions, a table within itself, text that is not UTF-8.
---@param value any
---@return string
function json.encode(value) end

--- Tables know whether they were [] or {}, also when they are empty.
---@param text string
---@return any value               nil if it is not JSON
---@return string? reason          with line and column
function json.decode(text) end

--- Marks a table as an array, so that it is one also when it is empty.
---@param list? table
---@return table
function json.array(list) end

--- Whether it is marked as one.
---@param value any
---@return boolean
function json.is_array(value) end

-- --- in specs, for `moongate test` ---------------------------------------------------------------

--- What `require "gateway.testing"` returns, in specs only. The scripts run in their sandbox, as
--- the gateway loads them; backends are what the spec says they answer; time is virtual, and passes
--- at once where anything waits. Deadlines, timeouts, cancelling, sagas and jobs are as in the
--- gateway. Each call is a single attempt: there are no retries, hedges, limits or breakers
--- (`fail = "open"` stands for an open one), and budgets of CPU time and memory are not those of
--- the gateway: a script that computes for a second fails the test.
---
---     local testing <const> = require "gateway.testing"
---     it("does without the price while pricing is slow", function()
---       local gw <const> = testing.load()
---       gw.backend("inventory"):on("GET /api/v1/products/{id}", { json = { id = "A" } })
---       gw.backend("pricing"):on("*", { latency = 60 })
---       local response <const> = gw:request("GET", "/api/v1/products/A")
---       assert.equal(200, response.status)
---       assert.truthy(response.json.pricing_error)
---     end)
---@class gateway.testing
local testing = {}

--- How the scripts are loaded.
---@class gateway.testing.LoadOptions
---@field env? table<string, string>   what gateway.env() finds; otherwise nothing is set
---@field development? boolean     as with GATEWAY_ENV=development; default false
---@field scripts? string|table<string, string>  another folder, or the texts of modules by name

--- The scripts that are tested, loaded afresh. Raises what is wrong with them.
---@param options? gateway.testing.LoadOptions
---@return gateway.testing.Gw
function testing.load(options) end

--- A gateway under test: gw.backend "inventory" is the fake of a backend that its scripts declare.
---@class gateway.testing.Gw
---@field backend fun(name: string): gateway.testing.Backend
local Gw = {}

--- What a request has besides method and target.
---@class gateway.testing.RequestOptions
---@field headers? table<string, string>
---@field json? any                the body, as JSON
---@field body? string             the body, as it is
---@field hang_up? number          seconds after which the client is gone

--- What the client would get, and what went on behind it.
---@class gateway.testing.Response
---@field status integer
---@field headers table<string, string|string[]>  names in small letters
---@field body? string
---@field json? any                the decoded body, if it is JSON
---@field took number              virtual seconds until the answer
---@field dropped? boolean         gateway.drop() was called
---@field bug? string              what the log says, if it was answered by a bug

--- Sends a request, and returns when it is answered and all is quiet: jobs and undos have run.
--- Raises if a backend was called that the spec gives no answer for.
---@param method string
---@param target string            path and query: "/api/v1/products?page=2"
---@param options? gateway.testing.RequestOptions
---@return gateway.testing.Response
function Gw:request(method, target, options) end

--- A module of the scripts, for what can be tested without a request.
---@param name string
---@return any
function Gw:require(name) end

--- The log so far.
---@param level? "info"|"warn"|"error"  only these
---@return { level: string, message: string, fields?: table, where?: string }[]
function Gw:logs(level) end

--- What a metric of the scripts counts by now: a number, or of a histogram { count, sum }; nil for
--- labels that were never used.
---@param name string
---@param labels? gateway.Labels
---@return number|{ count: integer, sum: number }|nil
function Gw:metric(name, labels) end

--- Virtual seconds since load().
---@return number
function Gw:now() end

--- A fake backend. Its answers hold for this gateway only.
---@class gateway.testing.Backend
local FakeBackend = {}

--- What a backend answers; nothing in it is 200 without a body.
---@class gateway.testing.Answer
---@field status? integer          default 200; from 300 on it is a failure, as in the gateway
---@field json? any
---@field body? string             instead
---@field headers? table<string, string|number>
---@field latency? number          virtual seconds before it
---@field fail? "connect"|"dns"|"tls"|"timeout"|"open"|"refused"|"decode"|"too_large"  in place of
---                                an answer
---@field retry_after? number      seconds, with fail = "open" or "refused"

--- A call as the backend gets it.
---@class gateway.testing.Call
---@field method string
---@field path string              without the query
---@field query table<string, string>
---@field headers table<string, string>  that the script has set
---@field json? any
---@field body? string
---@field at number                virtual seconds since load()

--- What it answers from now on to such calls: each answer once, then the last one for ever. Of
--- several that fit a call, the one said last counts.
---@param target string            "GET /products/{id}", each {} being one segment; "*": any call
---@param ... gateway.testing.Answer|fun(call: gateway.testing.Call): gateway.testing.Answer
---@return gateway.testing.Backend self
function FakeBackend:on(target, ...) end

--- The calls so far, in order.
---@return gateway.testing.Call[]
function FakeBackend:calls() end

--- What `backend:state()` is to the scripts; calls are not affected.
---@param state gateway.BreakerState
---@return gateway.testing.Backend self
function FakeBackend:set_state(state) end

return gateway
