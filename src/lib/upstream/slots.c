// SPDX-License-Identifier: MIT
#include "upstream/slots.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/rand.h"
#include "upstream/hash_key.h"
#include "upstream/live.h"

#include <pthread.h>
#include <stdlib.h>

#define IDS_MAX 64u /* slots of two configurations at once, and a bit of `closed` for each */
#define ALL     10000u

_Static_assert(2 * JST_SLOTS_MAX <= IDS_MAX, "two configurations share the names");
_Static_assert(JST_SLOTS_MAX <= 8 * sizeof(jst_slot_set), "a bit for each slot");

struct slot {
    struct jst_slice name;
    size_t pool;
    uint32_t weight;
    uint32_t id; /* of its name */
};

struct rule {
    uint32_t slot;
    bool cookie;
    bool any; /* its being there is enough */
    struct jst_slice name;
    const struct jst_slice *values;
    size_t values_n;
    uint32_t hash_max; /* values that hash to this or less */
    bool hashes;
};

struct jst_slots {
    struct jst_arena arena; /* owned: all of it, this too */
    struct slot *v;
    size_t n;
    struct rule *rules;
    size_t rules_n;
    struct jst_states *states;   /* borrowed: the engine's */
    struct jst_pstate *state;    /* counted */
    struct jst_slots_told *told; /* of `state` */
};

/* Slots are meant by the number that their name has here: configurations order them as they like.
 */
struct jst_slots_told {
    uint64_t word;   /* atomic: see struct word */
    uint64_t closed; /* atomic: bit of each id */
    pthread_mutex_t lock;
    char *names[IDS_MAX]; /* under `lock`: owned; NULL: free */
    uint32_t refs[IDS_MAX];
};

/* What was said last; as one number, so that nobody sees half of it. Ids count from 1: 0 is none.
 */
struct word {
    uint32_t active;
    uint32_t split;
    uint32_t percent;
};

static struct word
unpack(uint64_t v)
{
    return (struct word){v & 0xff, v >> 8 & 0xff, v >> 16 & 0xff};
}

static uint64_t
pack(struct word w)
{
    return w.active | (uint64_t)w.split << 8 | (uint64_t)w.percent << 16;
}

static struct word
load_word(const struct jst_slots *s)
{
    return unpack(__atomic_load_n(&s->told->word, __ATOMIC_ACQUIRE));
}

/* ---- names ---- */

/* With the lock held; IDS_MAX: there is no room. */
static uint32_t
find_id(const struct jst_slots_told *t, const char *name)
{
    uint32_t unused = IDS_MAX;

    for (uint32_t i = 0; i < IDS_MAX; i++) {
        if (t->names[i] == NULL) {
            unused = JST_MIN(unused, i);
        } else if (strcmp(t->names[i], name) == 0) {
            return i;
        }
    }
    return unused;
}

static int
take_id(uint32_t *out, struct jst_slots_told *t, const char *name)
{
    int rc = JOIST_OK;
    uint32_t id;

    pthread_mutex_lock(&t->lock);
    id = find_id(t, name);
    if (id == IDS_MAX) {
        rc = JOIST_E_LIMIT;
    } else if (t->names[id] == NULL && (t->names[id] = strdup(name)) == NULL) {
        rc = JOIST_E_NOMEM;
    } else {
        t->refs[id]++;
        *out = id;
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

/* With the lock held. What was said of a slot that is gone is not for the next one that gets its
 * number; what is said of others at that moment stays. */
static void
forget_id(struct jst_slots_told *t, uint32_t id)
{
    struct word w = unpack(__atomic_load_n(&t->word, __ATOMIC_ACQUIRE));

    if (w.active == id + 1) {
        w.active = 0;
    }
    if (w.split == id + 1) {
        w.split = w.percent = 0;
    }
    __atomic_store_n(&t->word, pack(w), __ATOMIC_RELEASE);
    (void)__atomic_and_fetch(&t->closed, ~(1ull << id), __ATOMIC_ACQ_REL);
    free(t->names[id]);
    t->names[id] = NULL;
}

static void
give_id(struct jst_slots_told *t, uint32_t id)
{
    pthread_mutex_lock(&t->lock);
    if (--t->refs[id] == 0) {
        forget_id(t, id);
    }
    pthread_mutex_unlock(&t->lock);
}

void
jst_slots_told_free(struct jst_slots_told **take)
{
    struct jst_slots_told *t = *take;

    *take = NULL;
    if (t != NULL) {
        pthread_mutex_destroy(&t->lock);
        free(t);
    }
}

/* ---- making ---- */

static int
copy_text(struct jst_arena *arena, struct jst_slice *out, const char *text)
{
    *out = jst_arena_copy(arena, jst_slice_z(text));
    return out->p != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

static int
add_slot(struct jst_slots *s, const struct joist_slot_conf *conf, size_t pool)
{
    struct slot *slot = &s->v[s->n];
    int rc = copy_text(&s->arena, &slot->name, conf->name);

    if (rc == JOIST_OK) {
        rc = take_id(&slot->id, s->told, conf->name);
    }
    if (rc == JOIST_OK) {
        slot->pool = pool;
        slot->weight = conf->weight;
        s->n++;
    }
    return rc;
}

static int
add_rule(struct jst_slots *s, const struct joist_slot_rule_conf *conf)
{
    struct rule *rule = &s->rules[s->rules_n++];
    struct jst_slice *values = jst_arena_zalloc(&s->arena, conf->values_n * sizeof(*values) + 1);

    if (values == NULL) {
        return JOIST_E_NOMEM;
    }
    rule->slot = (uint32_t)jst_slots_find(s, jst_slice_z(conf->slot));
    JST_ASSERT(rule->slot < s->n); /* checked before */
    rule->cookie = conf->cookie != NULL;
    rule->values = values;
    for (size_t i = 0; i < conf->values_n; i++, rule->values_n++) {
        if (copy_text(&s->arena, &values[i], conf->values[i]) < 0) {
            return JOIST_E_NOMEM;
        }
    }
    rule->any = conf->values_n == 0 && conf->percent >= 100;
    rule->hashes = conf->values_n == 0 && conf->percent > 0;
    rule->hash_max = (uint32_t)((uint64_t)UINT32_MAX * conf->percent / 100);
    return copy_text(&s->arena, &rule->name, rule->cookie ? conf->cookie : conf->header);
}

static int
attach(struct jst_slots *s, const char *name)
{
    s->state = jst_states_acquire_pool(s->states, name);
    if (s->state == NULL) {
        return JOIST_E_NOMEM;
    }
    if (s->state->slots == NULL) { /* configurations are made one at a time */
        s->state->slots = calloc(1, sizeof(*s->state->slots));
        if (s->state->slots == NULL) {
            return JOIST_E_NOMEM;
        }
        pthread_mutex_init(&s->state->slots->lock, NULL);
    }
    s->told = s->state->slots;
    return JOIST_OK;
}

static int
fill(struct jst_slots *s, const struct joist_pool_conf *conf, const size_t *numbers)
{
    int rc = attach(s, conf->name);

    s->v = jst_arena_zalloc(&s->arena, conf->slots_n * sizeof(*s->v));
    s->rules = jst_arena_zalloc(&s->arena, conf->slot_rules_n * sizeof(*s->rules) + 1);
    if (rc < 0 || s->v == NULL || s->rules == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < conf->slots_n && rc == JOIST_OK; i++) {
        rc = add_slot(s, &conf->slots[i], numbers[i]);
    }
    for (size_t i = 0; i < conf->slot_rules_n && rc == JOIST_OK; i++) {
        rc = add_rule(s, &conf->slot_rules[i]);
    }
    return rc;
}

int
jst_slots_create(struct jst_slots **out, const struct joist_pool_conf *conf, const size_t *numbers,
                 struct jst_states *states)
{
    struct jst_arena arena;
    struct jst_slots *s;
    int rc;

    JST_ASSERT(conf->slots_n > 0 && conf->slots_n <= JST_SLOTS_MAX);
    jst_arena_init(&arena);
    s = jst_arena_zalloc(&arena, sizeof(*s));
    if (s == NULL) {
        return JOIST_E_NOMEM;
    }
    s->arena = arena;
    s->states = states;
    rc = fill(s, conf, numbers);
    if (rc < 0) {
        jst_slots_destroy(&s);
        return rc;
    }
    *out = s;
    return JOIST_OK;
}

void
jst_slots_destroy(struct jst_slots **take)
{
    struct jst_slots *s = *take;
    struct jst_arena arena;

    *take = NULL;
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        give_id(s->told, s->v[i].id);
    }
    jst_states_release_pool(s->states, &s->state);
    arena = s->arena; /* it holds s itself */
    jst_arena_fini(&arena);
}

size_t
jst_slots_n(const struct jst_slots *s)
{
    return s->n;
}

size_t
jst_slots_pool(const struct jst_slots *s, size_t slot)
{
    return s->v[slot].pool;
}

struct jst_slice
jst_slots_name(const struct jst_slots *s, size_t slot)
{
    return s->v[slot].name;
}

uint32_t
jst_slots_weight(const struct jst_slots *s, size_t slot)
{
    return s->v[slot].weight;
}

size_t
jst_slots_find(const struct jst_slots *s, struct jst_slice name)
{
    size_t i = 0;

    while (i < s->n && !jst_slice_eq(s->v[i].name, name)) {
        i++;
    }
    return i;
}

jst_slot_set
jst_upools_usable(const struct jst_slots *s, struct jst_upool *const *upools)
{
    jst_slot_set set = 0;

    for (size_t i = 0; i < s->n; i++) {
        set |= (jst_slot_set)(upools[s->v[i].pool]->pool->n > 0) << i;
    }
    return set;
}

/* ---- choosing ---- */

uint32_t
jst_fnv1a_32(struct jst_slice text)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < text.n; i++) {
        h = (h ^ (unsigned char)text.p[i]) * 16777619u;
    }
    return h;
}

static bool
has(jst_slot_set set, size_t slot)
{
    return (set >> slot & 1) != 0;
}

/* Those that may be chosen: if none may, then any. */
static jst_slot_set
open_slots(const struct jst_slots *s, jst_slot_set usable)
{
    uint64_t closed = __atomic_load_n(&s->told->closed, __ATOMIC_ACQUIRE);
    jst_slot_set open;

    usable &= (jst_slot_set)((1ull << s->n) - 1);
    open = usable;
    for (size_t i = 0; i < s->n && closed != 0; i++) {
        if ((closed >> s->v[i].id & 1) != 0) {
            open &= ~((jst_slot_set)1 << i);
        }
    }
    return open != 0 ? open : usable;
}

static bool
fits(const struct rule *rule, const struct jst_fields *fields)
{
    const struct jst_field *field;
    struct jst_slice value = JST_SLICE_NONE;

    if (rule->cookie) {
        value = jst_cookie_of(fields, rule->name);
    } else if ((field = jst_fields_find_name(fields, rule->name)) != NULL) {
        value = field->value.p != NULL ? field->value : JST_S("");
    }
    if (value.p == NULL) {
        return false;
    }
    for (size_t i = 0; i < rule->values_n; i++) {
        if (jst_slice_eq(rule->values[i], value)) {
            return true;
        }
    }
    return rule->any || (rule->hashes && jst_fnv1a_32(value) <= rule->hash_max);
}

/* The slot with that id (from 1), if it may be chosen; s->n: not. */
static size_t
find_open(const struct jst_slots *s, uint32_t id, jst_slot_set open)
{
    for (size_t i = 0; i < s->n && id > 0; i++) {
        if (s->v[i].id + 1 == id && has(open, i)) {
            return i;
        }
    }
    return s->n;
}

static uint32_t
sum_of(const struct jst_slots *s, jst_slot_set open)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < s->n; i++) {
        sum += has(open, i) ? s->v[i].weight : 0;
    }
    return sum;
}

static uint32_t
draw(struct jst_rand *rand, uint32_t below)
{
    return (uint32_t)(((unsigned __int128)jst_rand_next(rand) * below) >> 64);
}

/* All weights of those that are left may be 0: then it is the first. */
static size_t
by_weight(const struct jst_slots *s, jst_slot_set open, struct jst_rand *rand)
{
    uint32_t sum = sum_of(s, open);
    uint32_t x = sum > 0 ? draw(rand, sum) : 0;

    for (size_t i = 0; i < s->n; i++) {
        if (has(open, i) && (sum == 0 || x < s->v[i].weight)) {
            return i;
        }
        x -= has(open, i) ? s->v[i].weight : 0;
    }
    return 0; /* none has a target: what is said then is said of the first */
}

size_t
jst_slots_choose(const struct jst_slots *s, const struct jst_fields *fields, jst_slot_set usable,
                 struct jst_rand *rand)
{
    jst_slot_set open = open_slots(s, usable);
    struct word w;
    size_t split;
    size_t active;

    for (size_t i = 0; i < s->rules_n; i++) {
        if (has(open, s->rules[i].slot) && fits(&s->rules[i], fields)) {
            return s->rules[i].slot;
        }
    }
    w = load_word(s);
    if (JST_LIKELY(w.active == 0 && w.split == 0)) {
        return by_weight(s, open, rand);
    }
    split = find_open(s, w.split, open);
    if (split < s->n && draw(rand, 100) < w.percent) {
        return split;
    }
    active = find_open(s, w.active, open);
    if (active < s->n) {
        return active;
    }
    if (split < s->n && (open & ~((jst_slot_set)1 << split)) != 0) {
        open &= ~((jst_slot_set)1 << split);
    }
    return by_weight(s, open, rand);
}

/* ---- what is said ---- */

/* The lock is for forget_id(): the last request of an older configuration may end at any time. */
static void
say(struct jst_slots *s, struct word w, size_t slot)
{
    uint64_t bit = 1ull << s->v[slot].id;

    /* First it is open: nobody is to find it named and closed. */
    (void)__atomic_and_fetch(&s->told->closed, ~bit, __ATOMIC_ACQ_REL);
    __atomic_store_n(&s->told->word, pack(w), __ATOMIC_RELEASE);
}

void
jst_slots_switch(struct jst_slots *s, size_t slot)
{
    pthread_mutex_lock(&s->told->lock);
    say(s, (struct word){.active = s->v[slot].id + 1}, slot);
    pthread_mutex_unlock(&s->told->lock);
}

void
jst_slots_split(struct jst_slots *s, size_t slot, uint32_t percent)
{
    struct word w;

    pthread_mutex_lock(&s->told->lock);
    w = load_word(s);
    w.split = percent > 0 ? s->v[slot].id + 1 : 0;
    w.percent = percent;
    say(s, w, slot);
    pthread_mutex_unlock(&s->told->lock);
}

void
jst_slots_reset(struct jst_slots *s)
{
    pthread_mutex_lock(&s->told->lock);
    __atomic_store_n(&s->told->closed, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&s->told->word, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&s->told->lock);
}

void
jst_slots_close(struct jst_slots *s, size_t slot)
{
    (void)__atomic_or_fetch(&s->told->closed, 1ull << s->v[slot].id, __ATOMIC_ACQ_REL);
}

/* ---- reading ---- */

size_t
jst_slots_active(const struct jst_slots *s)
{
    return find_open(s, load_word(s).active, ~(jst_slot_set)0);
}

bool
jst_slots_is_closed(const struct jst_slots *s, size_t slot)
{
    return (__atomic_load_n(&s->told->closed, __ATOMIC_ACQUIRE) >> s->v[slot].id & 1) != 0;
}

static uint32_t
share_by_weight(const struct jst_slots *s, size_t slot, jst_slot_set open)
{
    uint32_t sum = sum_of(s, open);

    if (!has(open, slot)) {
        return 0;
    }
    if (sum > 0) {
        return (uint32_t)((uint64_t)ALL * s->v[slot].weight / sum);
    }
    return (open & (((jst_slot_set)1 << slot) - 1)) == 0 ? ALL : 0; /* the first */
}

uint32_t
jst_slots_share(const struct jst_slots *s, size_t slot, jst_slot_set usable)
{
    jst_slot_set open = open_slots(s, usable);
    struct word w = load_word(s);
    size_t split = find_open(s, w.split, open), active = find_open(s, w.active, open);
    uint32_t own = split == slot ? w.percent * (ALL / 100) : 0;
    uint32_t rest = split < s->n ? ALL - w.percent * (ALL / 100) : ALL;

    if (active < s->n) {
        return own + (active == slot ? rest : 0);
    }
    if (split < s->n && (open & ~((jst_slot_set)1 << split)) != 0) {
        open &= ~((jst_slot_set)1 << split);
    }
    return own + (uint32_t)((uint64_t)share_by_weight(s, slot, open) * rest / ALL);
}
