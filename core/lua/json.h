/* JSON for Lua (RFC 8259) that keeps what it was given: 64-bit integers, [] against {}, null, and
 * the shortest decimal that reads back as the same double.
 *
 * Decoding: integers without fraction or exponent that fit int64 become Lua integers, other numbers
 * floats (-0 too); a number beyond the largest double is refused. Arrays carry the metatable of
 * json.array, so that an empty one stays []; null becomes json.null (a light userdata). Of two
 * equal keys the last one counts.
 *
 * Encoding: a table marked by json.array, or one whose length is > 0, is an array and must have no
 * other keys; every other table is an object with string keys (an empty one is {}). A float keeps a
 * fraction or an exponent: 42.0. Tables are read raw, no metamethod is called, and the order of an
 * object's members is that of next().
 *
 * Both refuse invalid UTF-8 and what is nested deeper than GW_JSON_MAX_DEPTH; decoding refuses lone
 * surrogates and a byte order mark.
 *
 * The l_ functions run protected and may raise. They need no more of the state than that; opening
 * the module first is not necessary. */
#ifndef GW_LUA_JSON_H
#define GW_LUA_JSON_H

#include "base/buf.h"

#include <lua.h>

#define GW_JSON_MAX_DEPTH 200

/* Bytes written. A small table can name another many times over, and that one another. */
#define GW_JSON_MAX_TEXT (64u << 20)

struct gw_json_error {
    size_t at;          /* byte offset */
    const char *reason; /* static text, e.g. "lone surrogate" */
};

/* Pushes the value and returns true, or pushes nothing and fills *error. May raise for want of
 * memory, so `text` must stay alive by other means than the C stack's owner. */
bool l_json_decode(lua_State *L, struct gw_str text, struct gw_json_error *error);

/* Whether l_json_decode() would succeed, if memory does; plain C, nothing raises. */
bool gw_json_check(struct gw_str text, struct gw_json_error *error);

/* Pushes "line 3, column 7: lone surrogate" for an error in `text`. */
void l_json_push_error(lua_State *L, struct gw_str text, const struct gw_json_error *error);

/* Appends the value at `index` to `out`. Raises, with the path of the value in the message
 * ("items[2].price: nan is not JSON"), for what JSON cannot say, and leaves `out` empty then; it
 * must be owned by a box that survives the raise. Where the module is open, no Lua code runs before
 * the end, not even a finalizer. */
void l_json_encode(lua_State *L, int index, struct gw_buf *out);

/* Pushes the metatable that marks arrays in this state. */
void l_json_push_array_metatable(lua_State *L);

/* Pushes { encode, decode, array, null, is_array } : decode(text) returns the value or nil, message
 * with line and column; encode(value) returns the text or raises; array(t) marks t, or a new table,
 * and returns it; is_array(v) tells whether v is a table that is encoded as an array. */
int luaopen_gateway_json(lua_State *L);

#endif
