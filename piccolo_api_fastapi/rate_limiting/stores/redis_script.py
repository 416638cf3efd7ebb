"""The Lua script of `RedisStore`: the rules of `gcra` and `strict_log` for Redis."""

from piccolo_api_fastapi.rate_limiting.algorithms.gcra import BLOCKED

SCRIPT = """
local BLOCKED = {BLOCKED}
local now, cost, marks = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for mark in string.gmatch(ARGV[3], '[0-9]+') do marks[#marks + 1] = tonumber(mark) end
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A state is a list: the arrival time, or for a log the end of a block and the admitted times.
-- The time of the last charge follows the states.
local rates, states = {}, {}
for i = 4, #ARGV, 4 do
  local rate = {}
  for j = 0, 3 do rate[j + 1] = tonumber(ARGV[i + j]) end
  rates[#rates + 1] = rate
end
local known = redis.call('GET', KEYS[1])
for field in string.gmatch(known or '', '[^;]+') do
  local state = {}
  for number in string.gmatch(field, '[0-9]+') do state[#state + 1] = tonumber(number) end
  states[#states + 1] = state
end

local newest = states[#rates + 1] and states[#rates + 1][1] or 0

-- A rate is {interval, tolerance, block, 0} or, for a log, {period, number, block, 1}.
local gcra, log = {}, {}

function gcra.wait(rate, state, cost)
  if state[1] >= BLOCKED then return state[1] - BLOCKED - now end
  return math.max(state[1], now) + cost * rate[1] - rate[2] - now
end

function gcra.charge(rate, state)
  return {math.max(state[1] >= BLOCKED and 0 or state[1], now) + cost * rate[1]}
end

function gcra.refuse(rate, state)
  if rate[3] == 0 or state[1] >= BLOCKED then return state end
  return {BLOCKED + now + rate[3]}
end

function gcra.refund(rate, state, mark)
  if state[1] >= BLOCKED then return state end
  local given = -cost * rate[1]
  if mark then given = math.max(math.min(given, mark - now), 0) end
  return {math.min(state[1], math.max(now, state[1] - given))}
end

function gcra.life(rate, state)
  return state[1] % BLOCKED - now
end

function log.wait(rate, state, cost)
  local oldest = state[rate[2] - cost + 2]
  return math.max(oldest and oldest + rate[1] or now, state[1]) - now
end

function log.charge(rate, state)
  local after = {state[1]}
  for i = 1, cost do after[#after + 1] = now end
  for i = 2, rate[2] - cost + 1 do after[#after + 1] = state[i] end
  return after
end

function log.refuse(rate, state)
  if rate[3] == 0 or state[1] > now then return state end
  local after = {now + rate[3]}
  for i = 2, #state do after[i] = state[i] end
  return after
end

function log.refund(rate, state, mark)
  local after, back = {state[1]}, -cost
  for i = 2, #state do
    if back > 0 and (not mark or state[i] == mark) then
      back = back - 1
    else
      after[#after + 1] = state[i]
    end
  end
  return after
end

function log.life(rate, state)
  return math.max(state[1], state[2] and state[2] + rate[1] or now) - now
end

local allowed, life, fields = 1, 0, {}
local refusing = {}
for i, rate in ipairs(rates) do
  rate.rules = rate[4] == 1 and log or gcra
  states[i] = states[i] or {0}
  refusing[i] = cost >= 0 and rate.rules.wait(rate, states[i], math.max(cost, 1)) > 0
  if refusing[i] then allowed = 0 end
end
for i, rate in ipairs(rates) do
  local state = states[i]
  if cost < 0 then
    state = rate.rules.refund(rate, state, marks[i])
  elseif cost > 0 and allowed == 1 then
    state = rate.rules.charge(rate, state)
  elseif cost > 0 and refusing[i] then
    state = rate.rules.refuse(rate, state)
  end
  life = math.max(life, rate.rules.life(rate, state))
  local numbers = {}
  for j, number in ipairs(state) do numbers[j] = string.format('%.0f', number) end
  fields[i] = table.concat(numbers, ',')
end
if cost > 0 and allowed == 1 then newest = now end
fields[#rates + 1] = string.format('%.0f', newest)
local value = table.concat(fields, ';')
if cost ~= 0 and value ~= known then
  if life > 0 then
    redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', math.ceil(life / 1000)))
  elseif known then
    redis.call('DEL', KEYS[1])
  end
end
return {allowed, string.format('%.0f', now), value}
""".replace("{BLOCKED}", str(BLOCKED))
