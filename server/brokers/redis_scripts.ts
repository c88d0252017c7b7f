/**
 * The scripts that Redis runs: each is one step that no other command divides. All keys of a script
 * belong to one channel, or to none.
 *
 * The position of a channel is the text `<epoch> <run> <offset>`, where the run is that of the primary
 * that has made the epoch. Replication is asynchronous and a snapshot may be old: another run may have
 * lost messages, and would hand out their offsets again. So it makes a new epoch.
 *
 * @module
 */

/** A script, as ioredis takes it. */
interface Script {
  readonly lua: string;
  readonly numberOfKeys: number;
}

/**
 * Reads the position, and makes it if there is none of this run: `epoch`, `offset`. The first proposal
 * wins. A new epoch deletes the messages: XADD refuses ids that are smaller than one that was there.
 */
const POSITION = `
local run, proposed = ARGV[1], ARGV[2]
local epoch, madeBy, offset
local position = redis.call('GET', KEYS[1])
if position then epoch, madeBy, offset = string.match(position, '^(%S+) (%S+) (%d+)$') end
if madeBy ~= run then
  epoch, offset = proposed, '0'
  redis.call('UNLINK', KEYS[2])
end
`;

/** The server's time, wall-clock ms: `now`. */
const NOW = `
local time = redis.call('TIME')
local now = string.format('%d%03d', time[1], time[2] / 1000)
`;

/**
 * Hands out `count` slots: `first`, ms from now. Times are texts with fractions of a ms: a number that Lua
 * writes itself has 14 digits.
 */
const SLOTS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local window, crowd, step = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local free = tonumber(redis.call('GET', KEYS[2]) or now)
local function slots(count)
  local crowded = redis.call('LINDEX', KEYS[1], crowd - 1)
  local first = math.max(now, free, crowded and crowded + window or 0)
  local last = first + count * step
  redis.call('SET', KEYS[2], string.format('%.3f', last), 'PX', math.ceil(last - now) + window)
  return math.ceil(first - now)
end
`;

/** @param publish the command that publishes to the nodes */
export function scripts(publish: "PUBLISH" | "SPUBLISH"): {
  readonly publishKept: Script;
  readonly publishOnce: Script;
  readonly readChannel: Script;
  readonly clearChannel: Script;
  readonly renewLease: Script;
  readonly removeNode: Script;
  readonly putMember: Script;
  readonly removeMember: Script;
  readonly countConnections: Script;
  readonly takeMessages: Script;
  readonly admitSession: Script;
  readonly takeSlots: Script;
} {
  return {
    /**
     * Keeps and publishes a message, unless it is a repeat.
     *
     * Keys: position, messages, id. Arguments: run, proposed epoch, how many messages are kept, how
     * long they are, ms, how long the position is, ms, how long the id is, ms (0: there is none), where
     * to publish, the text. Answers `<epoch> <offset>`, and `=` before it for a repeat.
     */
    publishKept: {
      numberOfKeys: 3,
      lua: `
local idTtl = ARGV[6]
if idTtl ~= '0' then
  local first = redis.call('GET', KEYS[3])
  if first then return '=' .. first end
end
${POSITION}
${NOW}
offset = string.format('%d', offset + 1)
local place = epoch .. ' ' .. offset
local text = place .. ' ' .. now .. ' ' .. ARGV[8]
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], offset .. '-0', 'm', text)
redis.call('SET', KEYS[1], epoch .. ' ' .. run .. ' ' .. offset, 'PX', ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if idTtl ~= '0' then redis.call('SET', KEYS[3], place, 'PX', idTtl) end
redis.call('${publish}', ARGV[7], text)
return place`,
    },
    /**
     * Publishes a message of a channel that keeps no history, unless it is a repeat.
     *
     * Key: id. Arguments: how long the id is kept, ms, where to publish, the text. Answers 0 for a
     * repeat.
     */
    publishOnce: {
      numberOfKeys: 1,
      lua: `
if not redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 0 end
redis.call('${publish}', ARGV[2], ARGV[3])
return 1`,
    },
    /**
     * Reads a channel, whose position is kept from now on for another while.
     *
     * Keys: position, messages. Arguments: run, proposed epoch, how long the position is kept, ms, the
     * epoch and the offset that are known: messages before it are not wanted. Answers epoch, offset,
     * the time, and the texts of the stream: whole entries would cost Redis half as much again.
     */
    readChannel: {
      numberOfKeys: 2,
      lua: `
${POSITION}
redis.call('SET', KEYS[1], epoch .. ' ' .. run .. ' ' .. offset, 'PX', ARGV[3])
${NOW}
local since = ARGV[5]
if epoch ~= ARGV[4] then since = '0' end
local texts = redis.call('XRANGE', KEYS[2], '(' .. since .. '-0', '+')
for i, entry in ipairs(texts) do texts[i] = entry[2][2] end
return { epoch, offset, now, texts }`,
    },
    /**
     * Removes the messages of a channel.
     *
     * Keys: position, messages. Argument: where the nodes are told. Answers 0 where the channel has no
     * position.
     */
    clearChannel: {
      numberOfKeys: 2,
      lua: `
local position = redis.call('GET', KEYS[1])
if not position then return 0 end
redis.call('UNLINK', KEYS[2])
local epoch, offset = string.match(position, '^(%S+) %S+ (%d+)$')
redis.call('${publish}', ARGV[1], '!cleared ' .. epoch .. ' ' .. offset .. '\\n')
return 1`,
    },
    /**
     * Raises the counter of a node.
     *
     * Keys: the counters, the numbers of connections. Arguments: the node, how many connections it has,
     * how long both are kept, ms. Answers all counters.
     */
    renewLease: {
      numberOfKeys: 2,
      lua: `
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
return redis.call('HGETALL', KEYS[1])`,
    },
    /**
     * Removes a node.
     *
     * Keys: as above. Argument: the node. Answers how many connections it had; nothing where another
     * one has removed it.
     */
    removeNode: {
      numberOfKeys: 2,
      lua: `
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return false end
local count = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return count or '0'`,
    },
    /**
     * Keeps a member of a node, and tells the others.
     *
     * Key: members. Arguments: the field, the value, how long members are kept, ms, where to publish,
     * the text.
     */
    putMember: {
      numberOfKeys: 1,
      lua: `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('${publish}', ARGV[4], ARGV[5])`,
    },
    /** Removes a member of a node, and tells the others. Key: members. Arguments: as above. */
    removeMember: {
      numberOfKeys: 1,
      lua: `
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('${publish}', ARGV[2], ARGV[3])`,
    },
    /**
     * Keeps how many connections of a key a node has, unless all together are too many. A node that
     * asks is alive: it may not have renewed its lease yet.
     *
     * Keys: leases, connections of the key. Arguments: the node, how many count, how many do not, how
     * long they are kept, ms, how many of each there may be, or nothing. Answers 0 for too many.
     */
    countConnections: {
      numberOfKeys: 2,
      lua: `
local counted, uncounted = tonumber(ARGV[2]), tonumber(ARGV[3])
if ARGV[5] then
  redis.call('HSETNX', KEYS[1], ARGV[1], 0)
  local counts = redis.call('HGETALL', KEYS[2])
  for i = 1, #counts, 2 do
    if redis.call('HEXISTS', KEYS[1], counts[i]) == 0 then
      redis.call('HDEL', KEYS[2], counts[i])
    elseif counts[i] ~= ARGV[1] then
      local one, other = string.match(counts[i + 1], '^(%d+) (%d+)$')
      counted, uncounted = counted + one, uncounted + other
    end
  end
  if counted > tonumber(ARGV[5]) or uncounted > tonumber(ARGV[6]) then return 0 end
end
if ARGV[2] == '0' and ARGV[3] == '0' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
return 1`,
    },
    /**
     * Takes a share of the messages a minute, by the seconds in which they were taken.
     *
     * Key: what was taken. Arguments: how many are wanted, how many there may be. Answers how many were
     * taken, and where none was, when there may be more, ms.
     */
    takeMessages: {
      numberOfKeys: 1,
      lua: `
local time = redis.call('TIME')
local second = tonumber(time[1])
local oldest, sum = second, 0
local taken = redis.call('HGETALL', KEYS[1])
for i = 1, #taken, 2 do
  local each = tonumber(taken[i])
  if each < second - 60 then
    redis.call('HDEL', KEYS[1], taken[i])
  else
    oldest = math.min(oldest, each)
    sum = sum + taken[i + 1]
  end
end
local granted = math.min(tonumber(ARGV[1]), ARGV[2] - sum)
if granted <= 0 then
  return { 0, (oldest + 61 - second) * 1000 - math.floor(time[2] / 1000) }
end
redis.call('HINCRBY', KEYS[1], second, granted)
redis.call('PEXPIRE', KEYS[1], 62000)
return { granted, 0 }`,
    },
    /**
     * Admits a session, unless the last window has as many as the budget.
     *
     * Keys: the times of the newest admissions, the next slot. Arguments: the window, ms, how many
     * admissions in it leave no room for slots, from one slot to the next, ms, the budget, the longest
     * wait, ms, the wait where the next slot is beyond that. Answers 0, or the slot of one that is
     * refused, ms from now. A time in the future is that of another primary.
     */
    admitSession: {
      numberOfKeys: 2,
      lua: `
${SLOTS}
local first = redis.call('LINDEX', KEYS[1], ARGV[4] - 1)
if first and now - first < window and now >= tonumber(first) then
  if free - now > tonumber(ARGV[5]) then return tonumber(ARGV[6]) end
  return math.max(1, slots(1))
end
redis.call('LPUSH', KEYS[1], string.format('%.3f', now))
redis.call('LTRIM', KEYS[1], 0, ARGV[4] - 1)
redis.call('PEXPIRE', KEYS[1], window)
return 0`,
    },
    /** Hands out slots. Keys and arguments as above, then how many. Answers the first, ms from now. */
    takeSlots: {
      numberOfKeys: 2,
      lua: `
${SLOTS}
return slots(tonumber(ARGV[4]))`,
    },
  };
}
