#include "lua/pattern.h"

#include "lua/budget.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#define ESCAPE     '%'
#define UNFINISHED (-1) /* a capture's len: its end is not reached */
#define POSITION   (-2) /* likewise: "()", which captures where it is */

#define MAX_DEPTH      200
#define STEPS_AT_ONCE  10000
#define MIN_STEPS      1000000
#define STEPS_PER_BYTE 64

static unsigned char byte(const char *p) {
    return (unsigned char)*p;
}

/* --- life --- */

void l_matcher_init(struct gw_matcher *m, lua_State *L, struct gw_str subject,
                    struct gw_str pattern) {
    m->L = L;
    m->subject = subject.data;
    m->subject_end = subject.data + subject.len;
    m->pattern_end = pattern.data + pattern.len;
    m->left = STEPS_AT_ONCE;
    m->left_in_all = MIN_STEPS + (int64_t)subject.len * STEPS_PER_BYTE;
    m->depth = MAX_DEPTH;
    m->n_captures = 0;
}

void l_spent(struct gw_matcher *m) {
    m->left_in_all -= STEPS_AT_ONCE - m->left;
    m->left = STEPS_AT_ONCE;
    l_let_hook_in(m->L);
    if (m->left_in_all < 0)
        luaL_error(m->L, "the pattern takes too many steps for this text");
}

/* --- single characters --- */

static bool is_in_class(int c, int class) {
    bool is;
    switch (tolower(class)) {
    case 'a':
        is = isalpha(c);
        break;
    case 'c':
        is = iscntrl(c);
        break;
    case 'd':
        is = isdigit(c);
        break;
    case 'g':
        is = isgraph(c);
        break;
    case 'l':
        is = islower(c);
        break;
    case 'p':
        is = ispunct(c);
        break;
    case 's':
        is = isspace(c);
        break;
    case 'u':
        is = isupper(c);
        break;
    case 'w':
        is = isalnum(c);
        break;
    case 'x':
        is = isxdigit(c);
        break;
    case 'z':
        is = c == 0; /* Lua 5.1's */
        break;
    default:
        return class == c;
    }
    return islower(class) ? is : !is;
}

/* After the "]" of the set that begins at `p`, which stands behind its "[". */
static const char *l_end_of_set(struct gw_matcher *m, const char *p) {
    if (*p == '^')
        p++;
    do { /* a "]" in the first place is one of the set */
        if (p == m->pattern_end)
            luaL_error(m->L, "malformed pattern (missing ']')");
        if (*p++ == ESCAPE && p < m->pattern_end)
            p++;
    } while (*p != ']');
    return p + 1;
}

/* After the character, class or set that begins at `p`. */
static const char *l_end_of_single(struct gw_matcher *m, const char *p) {
    const char *end = p + 1;
    if (*p == ESCAPE) {
        if (end == m->pattern_end)
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        end++;
    } else if (*p == '[') {
        end = l_end_of_set(m, end);
    }
    l_spend(m, (size_t)(end - p));
    return end;
}

/* `p` is the set's "[", `last` its "]". */
static bool l_is_in_set(struct gw_matcher *m, int c, const char *p, const char *last) {
    bool found = true;
    l_spend(m, (size_t)(last - p));
    if (p[1] == '^') {
        found = false;
        p++;
    }
    while (++p < last) {
        if (*p == ESCAPE) {
            p++;
            if (is_in_class(c, byte(p)))
                return found;
        } else if (p[1] == '-' && p + 2 < last) {
            p += 2;
            if (byte(p - 2) <= c && c <= byte(p))
                return found;
        } else if (byte(p) == c) {
            return found;
        }
    }
    return !found;
}

/* Whether the character at `s` is one of the single item from `p` to `end`. */
static bool l_is_single(struct gw_matcher *m, const char *s, const char *p, const char *end) {
    l_spend(m, 1);
    if (s >= m->subject_end)
        return false;
    switch (*p) {
    case '.':
        return true;
    case ESCAPE:
        return is_in_class(byte(s), byte(p + 1));
    case '[':
        return l_is_in_set(m, byte(s), p, end - 1);
    default:
        return *p == *s;
    }
}

/* --- repetitions: `end` is the sign that stands after the item --- */

static const char *l_longest(struct gw_matcher *m, const char *s, const char *p, const char *end) {
    ptrdiff_t n = 0;
    while (l_is_single(m, s + n, p, end))
        n++;
    for (; n >= 0; n--) {
        const char *found = l_match(m, s + n, end + 1);
        if (found)
            return found;
    }
    return NULL;
}

static const char *l_shortest(struct gw_matcher *m, const char *s, const char *p, const char *end) {
    for (;; s++) {
        const char *found = l_match(m, s, end + 1);
        if (found)
            return found;
        if (!l_is_single(m, s, p, end))
            return NULL;
    }
}

/* --- captures --- */

static const char *l_start_capture(struct gw_matcher *m, const char *s, const char *p,
                                   ptrdiff_t len) {
    if (m->n_captures >= GW_PATTERN_CAPTURES)
        luaL_error(m->L, "too many captures");
    m->captures[m->n_captures++] = (struct gw_capture){s, len};
    const char *found = l_match(m, s, p);
    if (!found)
        m->n_captures--;
    return found;
}

static struct gw_capture *l_open_capture(struct gw_matcher *m) {
    for (int i = m->n_captures - 1; i >= 0; i--)
        if (m->captures[i].len == UNFINISHED)
            return &m->captures[i];
    luaL_error(m->L, "invalid pattern capture");
    return NULL;
}

static const char *l_end_capture(struct gw_matcher *m, const char *s, const char *p) {
    struct gw_capture *capture = l_open_capture(m);
    capture->len = s - capture->start;
    const char *found = l_match(m, s, p);
    if (!found)
        capture->len = UNFINISHED;
    return found;
}

/* "%1": what was captured, once more. */
static const char *l_match_again(struct gw_matcher *m, const char *s, int digit) {
    int i = digit - '1';
    if (i < 0 || i >= m->n_captures || m->captures[i].len == UNFINISHED)
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
    size_t len = (size_t)m->captures[i].len; /* that of a position fits nowhere */
    if ((size_t)(m->subject_end - s) < len)
        return NULL;
    l_spend(m, len / 16);
    return memcmp(m->captures[i].start, s, len) == 0 ? s + len : NULL;
}

void l_push_capture(struct gw_matcher *m, int i, const char *start, const char *end) {
    if (i >= m->n_captures) {
        if (i != 0)
            luaL_error(m->L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(m->L, start, (size_t)(end - start));
        return;
    }
    const struct gw_capture *capture = &m->captures[i];
    if (capture->len == UNFINISHED)
        luaL_error(m->L, "unfinished capture");
    if (capture->len == POSITION)
        lua_pushinteger(m->L, capture->start - m->subject + 1);
    else
        lua_pushlstring(m->L, capture->start, (size_t)capture->len);
}

int l_push_captures(struct gw_matcher *m, const char *start, const char *end) {
    int n = m->n_captures == 0 && start ? 1 : m->n_captures;
    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++)
        l_push_capture(m, i, start, end);
    return n;
}

/* --- "%b()" and "%f[set]": `p` stands behind the letter --- */

static const char *l_balanced(struct gw_matcher *m, const char *s, const char *p) {
    if (p >= m->pattern_end - 1)
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (*s != *p)
        return NULL;
    int open = 1;
    while (++s < m->subject_end) {
        l_spend(m, 1);
        if (*s == p[1]) {
            if (--open == 0)
                return s + 1;
        } else if (*s == *p) {
            open++;
        }
    }
    return NULL;
}

/* Returns what follows the set, or NULL where there is no frontier at `s`. */
static const char *l_frontier(struct gw_matcher *m, const char *s, const char *p) {
    if (*p != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *end = l_end_of_single(m, p);
    int before = s == m->subject ? '\0' : byte(s - 1);
    bool is = !l_is_in_set(m, before, p, end - 1) && l_is_in_set(m, byte(s), p, end - 1);
    return is ? end : NULL;
}

/* --- matching --- */

/* Where matching stands. One item is taken after the other; what has alternatives matches the rest
 * of the pattern itself, and then `is_done`. `s` NULL: no match. */
struct place {
    const char *s, *p;
    bool is_done;
};

static struct place done(const char *s) {
    return (struct place){s, NULL, true};
}

static struct place go_on(const char *s, const char *p) {
    return (struct place){s, p, s == NULL || p == NULL};
}

/* The item did not match. */
static struct place without_single(const char *s, const char *end) {
    bool may_be_left_out = *end == '*' || *end == '?' || *end == '-';
    return may_be_left_out ? go_on(s, end + 1) : done(NULL);
}

static struct place l_take_single(struct gw_matcher *m, const char *s, const char *p) {
    const char *end = l_end_of_single(m, p), *found;
    if (!l_is_single(m, s, p, end))
        return without_single(s, end);
    switch (*end) {
    case '?':
        found = l_match(m, s + 1, end + 1);
        return found ? done(found) : go_on(s, end + 1);
    case '+':
        return done(l_longest(m, s + 1, p, end));
    case '*':
        return done(l_longest(m, s, p, end));
    case '-':
        return done(l_shortest(m, s, p, end));
    default:
        return go_on(s + 1, end);
    }
}

static struct place l_take_escape(struct gw_matcher *m, const char *s, const char *p) {
    switch (p[1]) {
    case 'b':
        return go_on(l_balanced(m, s, p + 2), p + 4);
    case 'f':
        p = l_frontier(m, s, p + 2);
        return p ? go_on(s, p) : done(NULL);
    default:
        if (isdigit(byte(p + 1)))
            return go_on(l_match_again(m, s, byte(p + 1)), p + 2);
        return l_take_single(m, s, p);
    }
}

static struct place l_take_item(struct gw_matcher *m, const char *s, const char *p) {
    switch (*p) {
    case '(':
        if (p[1] == ')')
            return done(l_start_capture(m, s, p + 2, POSITION));
        return done(l_start_capture(m, s, p + 1, UNFINISHED));
    case ')':
        return done(l_end_capture(m, s, p + 1));
    case '$':
        if (p + 1 == m->pattern_end)
            return done(s == m->subject_end ? s : NULL);
        break;
    case ESCAPE:
        return l_take_escape(m, s, p);
    default:
        break;
    }
    return l_take_single(m, s, p);
}

const char *l_match(struct gw_matcher *m, const char *at, const char *pattern) {
    struct place place = {at, pattern, false};
    l_spend(m, 1);
    if (m->depth-- == 0)
        luaL_error(m->L, "pattern too complex");
    while (!place.is_done && place.p != m->pattern_end)
        place = l_take_item(m, place.s, place.p);
    m->depth++;
    return place.s;
}
