/*
 * The scripts that Redis runs, each in one step. The keys of a count have one hash tag, so they are in one slot of a cluster:
 *
 *   {PREFIX/NAME}:state   hash: generation, left, loaded, sequence, trimmed, halted, previous (generations)
 *   {PREFIX/NAME}:ids     hash: id → "n sequence left"; of a load: "\\1id" → "n"
 *   {PREFIX/NAME}:log     stream of the sales that are not written back: SEQUENCE-0 → id, n, left, at
 *
 * An answer begins with a word. Numbers are texts: those of Lua would lose digits on their way.
 */

const STATE = `
local function number(value) return string.format('%.0f', tonumber(value)) end
local function state()
  local s = redis.call('HMGET', KEYS[1], 'generation', 'left', 'loaded', 'sequence', 'trimmed', 'halted')
  if not s[1] then return nil end
  return { generation = s[1], left = tonumber(s[2]), loaded = tonumber(s[3]), sequence = tonumber(s[4]), trimmed = tonumber(s[5]), halted = s[6] }
end
`;

/** n, id, floor, bound; the generation and the sequence that the caller knows. */
export const TAKE = `${STATE}
local n, id, floor, bound = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local s = state()
if not s then return { 'absent' } end
if s.halted then return { 'halted', s.generation, s.halted } end
if ARGV[5] == s.generation and tonumber(ARGV[6]) > s.sequence then
  local why = 'a buyer knows of sale ' .. ARGV[6] .. ', and the last one here is ' .. number(s.sequence)
  redis.call('HSET', KEYS[1], 'halted', why)
  return { 'halted', s.generation, why }
end
if ARGV[5] ~= '' and ARGV[5] ~= s.generation then
  local previous = redis.call('HGET', KEYS[1], 'previous') or ''
  if not string.find(previous, ARGV[5], 1, true) then return { 'lost', s.generation } end
end
local known = redis.call('HGET', KEYS[2], id)
if known then return { 'known', s.generation, known } end
if s.left - n < floor then return { 'soldout', s.generation } end
if redis.call('XLEN', KEYS[3]) >= bound then return { 'full', s.generation } end
local left, sequence, time = s.left - n, s.sequence + 1, redis.call('TIME')
local at = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
redis.call('HSET', KEYS[1], 'left', number(left), 'sequence', number(sequence))
redis.call('HSET', KEYS[2], id, number(n) .. ' ' .. number(sequence) .. ' ' .. number(left))
redis.call('XADD', KEYS[3], number(sequence) .. '-0', 'id', id, 'n', number(n), 'left', number(left), 'at', at)
return { 'sold', s.generation, number(sequence), number(left) }
`;

/** n, id, a generation to begin with. */
export const LOAD = `${STATE}
local n, id = tonumber(ARGV[1]), '\\1' .. ARGV[2]
local s = state()
if s and s.halted then return { 'halted', s.halted } end
local known = redis.call('HGET', KEYS[2], id)
if s and known then return { 'known', known, number(s.left) } end
if not s then s = { left = 0, loaded = 0 } end
local left, loaded = s.left + n, s.loaded + n
if math.abs(left) > 9007199254740991 or math.abs(loaded) > 9007199254740991 then return { 'beyond', number(s.left) } end
if not s.generation then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'generation', ARGV[3], 'sequence', '0', 'trimmed', '0')
end
redis.call('HSET', KEYS[1], 'left', number(left), 'loaded', number(loaded))
redis.call('HSET', KEYS[2], id, number(n))
return { 'loaded', number(left) }
`;

/** up to. */
export const TRIM = `${STATE}
local s, upTo = state(), tonumber(ARGV[1])
if not s or s.trimmed >= upTo then return { 'none' } end
if upTo > s.sequence then
  local why = 'sale ' .. ARGV[1] .. ' is written back, and the last one here is ' .. number(s.sequence)
  redis.call('HSETNX', KEYS[1], 'halted', why)
  return { 'halted', why }
end
redis.call('HSET', KEYS[1], 'trimmed', number(upTo))
redis.call('XTRIM', KEYS[3], 'MINID', number(upTo + 1))
return { 'trimmed' }
`;

export const STATUS = `${STATE}
local s = state()
if not s then return { 'absent' } end
return { 'there', s.generation, number(s.left), number(s.loaded), number(s.sequence), number(s.trimmed), number(redis.call('XLEN', KEYS[3])), s.halted or '' }
`;

/** left, loaded, sequence, generation, the generations before it. */
export const REBUILD = `${STATE}
local s = state()
if s and s.sequence > tonumber(ARGV[3]) then return { 'ahead', number(s.sequence) } end
local previous = (redis.call('HGET', KEYS[1], 'previous') or '') .. ' ' .. (s and s.generation or '') .. ' ' .. ARGV[5]
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'generation', ARGV[4], 'left', ARGV[1], 'loaded', ARGV[2], 'sequence', ARGV[3], 'trimmed', ARGV[3], 'previous', previous)
return { 'rebuilt', ARGV[4] }
`;

/** why. */
export const HALT = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSETNX', KEYS[1], 'halted', ARGV[1]) end
return 'halted'
`;

/** id, n, sequence, left; again and again. */
export const REMEMBER = `
for at = 1, #ARGV, 4 do
  redis.call('HSETNX', KEYS[2], ARGV[at], ARGV[at + 1] .. ' ' .. ARGV[at + 2] .. ' ' .. ARGV[at + 3])
end
return 'remembered'
`;
