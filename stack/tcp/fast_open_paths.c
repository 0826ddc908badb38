#include "stack/tcp/fast_open_paths.h"

struct fast_open_path {
    struct list link; /* in tcp->fast_open_paths: the one used last comes first */
    uint16_t port;    /* of the remote; 0: all of them, and there is a cookie */
    struct fast_open_known known;
    uint8_t failures; /* in a row */
    nsec paused;      /* until then */
};

static struct fast_open_path *path_of(struct list *link)
{
    return CONTAINER_OF(link, struct fast_open_path, link);
}

void fast_open_paths_init(struct tcp *t)
{
    list_init(&t->fast_open_paths);
    pool_init(&t->fast_open_pool, "tcp_fast_open", sizeof(struct fast_open_path), FAST_OPEN_PATHS);
}

void fast_open_paths_done(struct tcp *t)
{
    struct list *link;
    while ((link = list_pop_front(&t->fast_open_paths)) != NULL) {
        pool_put(&t->fast_open_pool, path_of(link));
    }
    pool_done(&t->fast_open_pool);
}

/* It comes to the front. */
static struct fast_open_path *find(struct tcp *t, struct ip_addr local, struct ip_addr remote,
                                   uint16_t port)
{
    struct list *all = &t->fast_open_paths;
    for (struct list *n = all->next; n != all; n = n->next) {
        struct fast_open_path *p = path_of(n);
        if (p->port == port && ip_equal(p->known.remote, remote) &&
            ip_equal(p->known.local, local)) {
            list_remove(n);
            list_push_front(all, n);
            return p;
        }
    }
    return NULL;
}

static struct fast_open_path *find_or_make(struct tcp *t, struct ip_addr local,
                                           struct ip_addr remote, uint16_t port)
{
    struct fast_open_path *p = find(t, local, remote, port);
    if (p != NULL) {
        return p;
    }
    struct list *all = &t->fast_open_paths;
    p = pool_get(&t->fast_open_pool);
    if (p == NULL && !list_empty(all)) {
        p = path_of(all->prev);
        list_remove(&p->link);
    }
    if (p != NULL) {
        *p = (struct fast_open_path){.port = port, .known = {.local = local, .remote = remote}};
        list_push_front(all, &p->link);
    }
    return p;
}

bool fast_open_cookie_find(struct tcp *t, struct ip_addr local, struct ip_addr remote,
                           struct fast_open_cookie *out, uint16_t *mss)
{
    const struct fast_open_path *p = find(t, local, remote, 0);
    if (p == NULL) {
        return false;
    }
    *out = p->known.cookie;
    *mss = p->known.mss;
    return true;
}

void fast_open_cookie_keep(struct tcp *t, struct ip_addr local, struct ip_addr remote,
                           const struct fast_open_cookie *cookie, uint16_t mss)
{
    struct fast_open_path *p = find_or_make(t, local, remote, 0);
    if (p != NULL) {
        p->known.cookie = *cookie;
        p->known.mss = mss;
    }
}

static bool fails_at(const struct tcp *t, struct ip_addr remote, nsec now)
{
    const struct list *all = &t->fast_open_paths;
    for (struct list *n = all->next; n != all; n = n->next) {
        const struct fast_open_path *p = path_of(n);
        if (p->port != 0 && now < p->paused && ip_equal(p->known.remote, remote)) {
            return true;
        }
    }
    return false;
}

void fast_open_cookies_each(const struct tcp *t, nsec now,
                            void (*tell)(void *arg, const struct fast_open_known *known), void *arg)
{
    const struct list *all = &t->fast_open_paths;
    for (struct list *n = all->next; n != all; n = n->next) {
        const struct fast_open_path *p = path_of(n);
        if (p->port == 0 && !fails_at(t, p->known.remote, now)) {
            tell(arg, &p->known);
        }
    }
}

bool fast_open_paused(struct tcp *t, const struct tcp_tuple *tuple, nsec now)
{
    const struct endpoint *to = &tuple->remote;
    const struct fast_open_path *p = find(t, tuple->local.addr, to->addr, to->port);
    return p != NULL && now < p->paused;
}

void fast_open_pause(struct tcp *t, const struct tcp_tuple *tuple, nsec now)
{
    const struct endpoint *to = &tuple->remote;
    struct fast_open_path *p = find_or_make(t, tuple->local.addr, to->addr, to->port);
    if (p == NULL) {
        return;
    }
    p->failures = (uint8_t)u32_min(p->failures + 1U, FAST_OPEN_PAUSES);
    p->paused = now + FAST_OPEN_PAUSE * (INT64_C(1) << (p->failures - 1U));
}

void fast_open_resume(struct tcp *t, const struct tcp_tuple *tuple)
{
    const struct endpoint *to = &tuple->remote;
    struct fast_open_path *p = find(t, tuple->local.addr, to->addr, to->port);
    if (p != NULL) {
        list_remove(&p->link);
        pool_put(&t->fast_open_pool, p);
    }
}
