-- Many clients at once, each on a connection of its own that it keeps: it asks, waits for the
-- answer, pauses and asks again.
local http <const> = require "support.http"
local socket <const> = require "socket"

local crowd <const> = {}

local Crowd <const> = {}
Crowd.__index = Crowd

-- `n` clients of the gateway at this port ask for `path`, `pause` seconds after each answer.
function crowd.new(port, n, path, pause)
  local self <const> = setmetatable({ pause = pause, answers = {}, clients = {} }, Crowd)
  self.request = http.format("GET", path)
  local now <const> = socket.gettime()
  for i = 1, n do
    self.clients[i] = { connection = assert(http.connect(port)), asks_at = now + pause * i / n }
  end
  return self
end

-- Those who are due ask. Returns the clients that wait for an answer, by socket, and the sockets.
local function ask(self)
  local waiting <const>, sockets <const>, now <const> = {}, {}, socket.gettime()
  for _, client in ipairs(self.clients) do
    if not client.asked_at and client.asks_at <= now then
      client.connection:send(self.request)
      client.asked_at = now
    end
    if client.asked_at then
      sockets[#sockets + 1] = client.connection.socket
      waiting[client.connection.socket] = client
    end
  end
  return waiting, sockets
end

local function take_answer(self, client)
  local answer <const> = client.connection:receive "GET"
  local now <const> = socket.gettime()
  answer.asked_at, answer.took = client.asked_at, now - client.asked_at
  client.asked_at, client.asks_at = nil, now + self.pause
  table.insert(self.answers, answer)
end

-- Goes on for so many seconds, or until that is true. Answers are added to `answers`, each with
-- `asked_at` and how long it `took`; who waits for one then goes on waiting.
function Crowd:run(seconds, is_over)
  local until_then <const> = socket.gettime() + seconds
  repeat
    local waiting <const>, sockets <const> = ask(self)
    for _, ready in ipairs((socket.select(sockets, nil, 0.01))) do
      take_answer(self, waiting[ready])
    end
  until socket.gettime() >= until_then or (is_over and is_over())
end

-- Waits for the answers that are due, and closes.
function Crowd:finish()
  for _, client in ipairs(self.clients) do
    if client.asked_at then take_answer(self, client) end
    client.connection:close()
  end
end

return crowd
