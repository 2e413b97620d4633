/*
 * What runs in the Redis server: each call of the store as one script (https://redis.io/docs/latest/develop/
 * programmability/eval-intro/). See store_redis.h for the keys.
 *
 * KEYS: all, the client's set, the conversation's hash. All that writes gives {what was done, conversations
 * in the whole}. Times are milliseconds; they are exact in Lua's numbers (2^53).
 */
#include "core/store_redis.h"

#define DONE(n) "return {" n ", redis.call('ZCARD', all)}"
#define HEAD    "local all, mine, one = KEYS[1], KEYS[2], KEYS[3] "

const char *const redis_scripts[REDIS_N_SCRIPTS] = {
    /* client, id, turn, "q" or "a", at_ms, message as JSON, title ("" = makes no conversation), conversations
       kept, ms kept (0 = for ever), prefix of the client's conversations */
    [REDIS_ADD] = HEAD //
    "local client, id, turn, role, at, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[9]) "
    "if redis.call('EXISTS', one) == 0 then"
    "  if ARGV[7] == '' then " DONE(
        "0") " end"
             "  local over = redis.call('ZCARD', mine) - tonumber(ARGV[8]) + 1"
             "  if over > 0 then"
             "    for _, old in ipairs(redis.call('ZRANGE', mine, 0, over - 1)) do"
             "      redis.call('DEL', ARGV[10] .. old)"
             "      redis.call('ZREM', mine, old)"
             "      redis.call('ZREM', all, client .. ':' .. old)"
             "    end"
             "  end"
             "  redis.call('HSET', one, 'title', ARGV[7], 'created', at, 'updated', at, 'turns', 0)"
             " elseif role == 'a' and redis.call('HEXISTS', one, turn .. ':q') == 0 then " DONE(
                 "0") " end "
                      "redis.call('HSET', one, turn .. ':' .. role, ARGV[6]) "
                      "if tonumber(turn) > tonumber(redis.call('HGET', one, 'turns')) then"
                      "  redis.call('HSET', one, 'turns', turn)"
                      " end "
                      "local before = redis.call('HGET', one, 'updated') "
                      "if tonumber(at) < tonumber(before) then at = before end "
                      "redis.call('HSET', one, 'updated', at) "
                      "redis.call('ZADD', mine, at, id) "
                      "redis.call('ZADD', all, at, client .. ':' .. id) "
                      "if keep > 0 then"
                      "  local last = redis.call('ZRANGE', mine, -1, -1, 'WITHSCORES')[2]"
                      "  redis.call('PEXPIREAT', one, string.format('%.0f', tonumber(at) + keep))"
                      "  redis.call('PEXPIREAT', mine, string.format('%.0f', tonumber(last) + keep))"
                      " else"
                      "  redis.call('PERSIST', one)"
                      "  redis.call('PERSIST', mine)"
                      " end " DONE("1"),
    /* turn */
    [REDIS_REMOVE_ANSWER] = HEAD "local n = redis.call('HDEL', one, ARGV[1] .. ':a') " DONE("n"),
    /* fields and values */
    [REDIS_SET] = HEAD
    "if redis.call('EXISTS', one) == 0 then " DONE("0") " end "
                                                        "redis.call('HSET', one, unpack(ARGV)) " DONE("1"),
    [REDIS_LOAD] = "return redis.call('HGETALL', KEYS[3])",
    /* client, at most, prefix of the client's conversations; gives id, title, created, updated, turns of each
     */
    [REDIS_LIST] = HEAD //
    "local out = {} "
    "for _, id in ipairs(redis.call('ZREVRANGE', mine, 0, -1)) do"
    "  if #out >= 5 * tonumber(ARGV[2]) then break end"
    "  local c = redis.call('HMGET', ARGV[3] .. id, 'title', 'created', 'updated', 'turns')"
    "  if c[1] then"
    "    out[#out + 1] = id"
    "    for i = 1, 4 do out[#out + 1] = c[i] end"
    "  else" /* it has expired */
    "    redis.call('ZREM', mine, id)"
    "    redis.call('ZREM', all, ARGV[1] .. ':' .. id)"
    "  end"
    " end "
    "return out",
    /* client, id */
    [REDIS_DELETE] = HEAD //
    "local n = redis.call('DEL', one) "
    "redis.call('ZREM', mine, ARGV[2]) "
    "redis.call('ZREM', all, ARGV[1] .. ':' .. ARGV[2]) " DONE("n"),
    /* client, prefix of its conversations */
    [REDIS_DELETE_CLIENT] = HEAD //
    "local n = 0 "
    "for _, id in ipairs(redis.call('ZRANGE', mine, 0, -1)) do"
    "  n = n + redis.call('DEL', ARGV[2] .. id)"
    "  redis.call('ZREM', all, ARGV[1] .. ':' .. id)"
    " end "
    "redis.call('DEL', mine) " DONE("n"),
    /* cursor ("0" at the beginning), what is older than so goes, conversations kept, prefix of clients,
       prefix of conversations; gives {n, conversations, next cursor} */
    [REDIS_PRUNE] = HEAD //
    "local n, seen, page = 0, {}, redis.call('ZSCAN', all, ARGV[1], 'COUNT', 200) "
    "local function drop(client, id)"
    "  n = n + redis.call('ZREM', all, client .. ':' .. id)"
    "  redis.call('ZREM', ARGV[4] .. client, id)"
    "  redis.call('DEL', ARGV[5] .. client .. ':' .. id)"
    " end "
    "for i = 1, #page[2], 2 do"
    "  local client, id = string.match(page[2][i], '^(.*):(.*)$')"
    "  if tonumber(page[2][i + 1]) < tonumber(ARGV[2]) or"
    "     redis.call('EXISTS', ARGV[5] .. client .. ':' .. id) == 0 then"
    "    drop(client, id)"
    "  elseif not seen[client] then"
    "    seen[client] = true"
    "    for _, old in ipairs(redis.call('ZREVRANGE', ARGV[4] .. client, ARGV[3], -1)) do"
    "      drop(client, old)"
    "    end"
    "  end"
    " end "
    "return {n, redis.call('ZCARD', all), page[1]}",
    /* first place, last place, prefix of conversations; gives {places, conversations, messages} */
    [REDIS_COUNT] = HEAD //
    "local n, m, page = 0, 0, redis.call('ZRANGE', all, ARGV[1], ARGV[2]) "
    "for _, name in ipairs(page) do"
    "  local len = redis.call('HLEN', ARGV[3] .. name)"
    "  if len > 0 then"
    "    n = n + 1"
    "    m = m + len - 4 - 2 * redis.call('HEXISTS', ARGV[3] .. name, 'summary')"
    "  end"
    " end "
    "return {#page, n, m}",
};
