/* string.find, match, gmatch, gsub and rep for scripts, by the bounded matcher. The metatable of
 * strings leads to the same table, so ("x"):find() is as bounded. */
#include "lua/bounded.h"
#include "lua/budget.h"
#include "lua/pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

static struct gw_str l_check_str(lua_State *L, int index) {
    struct gw_str s;
    s.data = luaL_checklstring(L, index, &s.len);
    return s;
}

/* The optional argument `init` as an offset: a negative one counts from the end. */
static size_t l_opt_offset(lua_State *L, int index, size_t len) {
    lua_Integer init = luaL_optinteger(L, index, 1);
    if (init > 0)
        return (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)len)
        return 0;
    return len + (size_t)init;
}

static struct gw_str after(struct gw_str s, size_t n) {
    return (struct gw_str){s.data + n, s.len - n};
}

/* --- find and match --- */

static bool is_plain(struct gw_str pattern) {
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.data[i] && strchr("^$*+?.([%-", pattern.data[i]))
            return false;
    return true;
}

/* glibc's memmem() takes time in proportion, whatever it looks for. */
static int l_find_plain(lua_State *L, struct gw_str subject, struct gw_str text, size_t from) {
    const char *at = memmem(subject.data + from, subject.len - from, text.data, text.len);
    if (!at) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - subject.data + 1);
    lua_pushinteger(L, at - subject.data + (lua_Integer)text.len);
    return 2;
}

/* The first match at or after `at`, which is moved to its start; NULL if there is none. */
static const char *l_search(struct gw_matcher *m, const char **at, struct gw_str pattern) {
    bool anchored = pattern.len && *pattern.data == '^';
    do {
        m->n_captures = 0;
        const char *end = l_match(m, *at, pattern.data + anchored);
        if (end)
            return end;
    } while ((*at)++ < m->subject_end && !anchored);
    return NULL;
}

static int l_find_or_match(lua_State *L, bool find) {
    struct gw_matcher m;
    struct gw_str subject = l_check_str(L, 1), pattern = l_check_str(L, 2);
    size_t from = l_opt_offset(L, 3, subject.len);
    if (from > subject.len) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || is_plain(pattern)))
        return l_find_plain(L, subject, pattern, from);
    l_matcher_init(&m, L, subject, pattern);
    const char *start = subject.data + from, *end = l_search(&m, &start, pattern);
    if (!end) {
        lua_pushnil(L);
        return 1;
    }
    if (!find)
        return l_push_captures(&m, start, end);
    lua_pushinteger(L, start - subject.data + 1);
    lua_pushinteger(L, end - subject.data);
    return l_push_captures(&m, NULL, NULL) + 2;
}

static int l_find(lua_State *L) {
    return l_find_or_match(L, true);
}

static int l_string_match(lua_State *L) {
    return l_find_or_match(L, false);
}

/* --- gmatch --- */

enum { SUBJECT = 1, PATTERN = 2, AT = 3, LAST = 4 }; /* upvalues; offsets, LAST -1: no match yet */

/* Each round has steps of its own: what it left over is not known to the next. */
static int l_next_match(lua_State *L) {
    struct gw_matcher m;
    struct gw_str subject = l_check_str(L, lua_upvalueindex(SUBJECT));
    struct gw_str pattern = l_check_str(L, lua_upvalueindex(PATTERN));
    size_t at = (size_t)lua_tointeger(L, lua_upvalueindex(AT));
    lua_Integer last = lua_tointeger(L, lua_upvalueindex(LAST));
    l_matcher_init(&m, L, subject, pattern);
    for (; at <= subject.len; at++) {
        m.n_captures = 0;
        const char *start = subject.data + at, *end = l_match(&m, start, pattern.data);
        if (!end || end - subject.data == last)
            continue;
        lua_pushinteger(L, end - subject.data);
        lua_pushvalue(L, -1);
        lua_replace(L, lua_upvalueindex(AT));
        lua_replace(L, lua_upvalueindex(LAST));
        return l_push_captures(&m, start, end);
    }
    return 0;
}

static int l_gmatch(lua_State *L) {
    struct gw_str subject = l_check_str(L, 1);
    l_check_str(L, 2);
    size_t from = l_opt_offset(L, 3, subject.len);
    lua_settop(L, 2);
    lua_pushinteger(L, from > subject.len ? (lua_Integer)subject.len + 1 : (lua_Integer)from);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, l_next_match, 4);
    return 1;
}

/* --- gsub --- */

/* The replacement string with its captures filled in. */
static void l_add_text(struct gw_matcher *m, luaL_Buffer *out, const char *start, const char *end) {
    struct gw_str text;
    text.data = lua_tolstring(m->L, 3, &text.len);
    for (const char *p; (p = memchr(text.data, '%', text.len));
         text = after(text, (size_t)(p + 2 - text.data))) {
        luaL_addlstring(out, text.data, (size_t)(p - text.data));
        if (p[1] == '%') {
            luaL_addchar(out, '%');
        } else if (p[1] == '0') {
            luaL_addlstring(out, start, (size_t)(end - start));
        } else if (isdigit((unsigned char)p[1])) {
            l_push_capture(m, p[1] - '1', start, end);
            luaL_tolstring(m->L, -1, NULL);
            lua_remove(m->L, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
    }
    luaL_addlstring(out, text.data, text.len);
}

/* What the table or the function at 3 says; false or nil keeps what was matched. */
static bool l_add_answer(struct gw_matcher *m, luaL_Buffer *out, const char *start,
                         const char *end) {
    lua_State *L = m->L;
    if (lua_istable(L, 3)) {
        l_push_capture(m, 0, start, end);
        lua_gettable(L, 3);
    } else {
        lua_pushvalue(L, 3);
        lua_call(L, l_push_captures(m, start, end), 1);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(out, start, (size_t)(end - start));
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(out);
    return true;
}

static bool l_add_replacement(struct gw_matcher *m, luaL_Buffer *out, const char *start,
                              const char *end) {
    if (!lua_isstring(m->L, 3))
        return l_add_answer(m, out, start, end);
    l_add_text(m, out, start, end);
    return true;
}

/* Appends the subject with up to `max` matches replaced, and counts those; whether it differs. */
static bool l_replace_all(struct gw_matcher *m, luaL_Buffer *out, struct gw_str pattern,
                          lua_Integer max, lua_Integer *n) {
    bool anchored = pattern.len && *pattern.data == '^', changed = false;
    const char *at = m->subject, *last = NULL;
    do {
        m->n_captures = 0;
        const char *end = *n < max ? l_match(m, at, pattern.data + anchored) : NULL;
        if (*n >= max)
            break;
        if (end && end != last) {
            ++*n;
            changed = l_add_replacement(m, out, at, end) || changed;
            at = last = end;
        } else if (at < m->subject_end) {
            luaL_addchar(out, *at++);
        } else {
            break;
        }
    } while (!anchored);
    luaL_addlstring(out, at, (size_t)(m->subject_end - at));
    return changed;
}

static int l_gsub(lua_State *L) {
    struct gw_matcher m;
    luaL_Buffer out;
    struct gw_str subject = l_check_str(L, 1), pattern = l_check_str(L, 2);
    lua_Integer n = 0, max = luaL_optinteger(L, 4, (lua_Integer)subject.len + 1);
    int type = lua_type(L, 3);
    luaL_argexpected(L, lua_isstring(L, 3) || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                     "string/function/table");
    lua_settop(L, 3);
    luaL_buffinit(L, &out);
    l_matcher_init(&m, L, subject, pattern);
    bool changed = l_replace_all(&m, &out, pattern, max, &n);
    if (changed)
        luaL_pushresult(&out);
    else
        lua_pushvalue(L, 1);
    lua_pushinteger(L, n);
    return 2;
}

/* --- rep --- */

/* Lua's own writes its result at once, so memory bounds it; only what is empty costs none. */
static int l_rep(lua_State *L) {
    size_t len = l_check_str(L, 1).len, n_between = 0;
    luaL_optlstring(L, 3, "", &n_between);
    lua_CFunction own = lua_tocfunction(L, lua_upvalueindex(1));
    if (len + n_between > 0)
        return own(L);
    luaL_checkinteger(L, 2);
    lua_pushliteral(L, "");
    return 1;
}

static const luaL_Reg functions[] = {
    {"find", l_find}, {"match", l_string_match}, {"gmatch", l_gmatch}, {"gsub", l_gsub},
    {NULL, NULL},
};

void l_bound_strings(lua_State *L) {
    lua_getglobal(L, "string");
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "rep");
    lua_pushcclosure(L, l_rep, 1);
    lua_setfield(L, -2, "rep");
    lua_pop(L, 1);
}
