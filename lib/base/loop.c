/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/when.h"

#define ROUND_EVENTS 1024         /* so that a crowd of slow ones rarely hides the others from a round */
#define SLOW_US 1000

struct loop {
	int epoll;
	bool stopping;
	int status;
	int64_t now;
	struct loop_timer **heap;
	size_t timers, heap_cap;
	struct epoll_event events[ROUND_EVENTS];
	unsigned turn;                  /* whose turn it is among the slow ones */
	int n_events;                   /* of the round under way, so that loop_del can strike out what it deletes */
	struct loop_fd *always, *always_next;
	struct loop_fd signals;
	void (*signal_cb)(void *arg, int signal);
	void *signal_arg;
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		free(l);
		return NULL;
	}
	l->now = when_boot_ms();
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->signals.added)
		close(l->signals.fd);
	close(l->epoll);
	free(l->heap);
	free(l);
}

int loop_add(struct loop *l, struct loop_fd *f, int fd, uint32_t events, void (*cb)(void *arg, uint32_t events), void *arg)
{
	assert(!f->added);
	*f = (struct loop_fd){ .fd = fd, .events = events, .cb = cb, .arg = arg };
	struct epoll_event e = { .events = events, .data.ptr = f };
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0) {
		f->added = true;
		return 0;
	}
	if (errno != EPERM)
		return -1;
	f->added = f->always = true;
	f->next_always = l->always;
	l->always = f;
	return 0;
}

int loop_mod(struct loop *l, struct loop_fd *f, uint32_t events)
{
	assert(f->added);
	if (f->events == events)
		return 0;
	f->events = events;
	if (f->always)
		return 0;
	struct epoll_event e = { .events = events, .data.ptr = f };
	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, f->fd, &e);
}

void loop_slow(struct loop_fd *f, bool slow)
{
	f->slow = slow;
}

void loop_del(struct loop *l, struct loop_fd *f)
{
	if (!f->added)
		return;
	f->added = false;
	if (f->always) {
		for (struct loop_fd **p = &l->always; *p; p = &(*p)->next_always)
			if (*p == f) {
				*p = f->next_always;
				break;
			}
		if (l->always_next == f)
			l->always_next = f->next_always;
		return;
	}
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, f->fd, NULL);
	for (int i = 0; i < l->n_events; i++)
		if (l->events[i].data.ptr == f)
			l->events[i].data.ptr = NULL;
}

/* The heap: parent of slot s (1-based) is s / 2. */
static void heap_put(struct loop *l, struct loop_timer *t, size_t slot)
{
	l->heap[slot - 1] = t;
	t->slot = slot;
}

static void heap_up(struct loop *l, struct loop_timer *t, size_t slot)
{
	while (slot > 1 && l->heap[slot / 2 - 1]->due > t->due) {
		heap_put(l, l->heap[slot / 2 - 1], slot);
		slot /= 2;
	}
	heap_put(l, t, slot);
}

static void heap_down(struct loop *l, struct loop_timer *t, size_t slot)
{
	for (size_t child; (child = slot * 2) <= l->timers; slot = child) {
		if (child < l->timers && l->heap[child]->due < l->heap[child - 1]->due)
			child++;
		if (l->heap[child - 1]->due >= t->due)
			break;
		heap_put(l, l->heap[child - 1], slot);
	}
	heap_put(l, t, slot);
}

void loop_timer_init(struct loop_timer *t, void (*cb)(void *arg), void *arg)
{
	*t = (struct loop_timer){ .cb = cb, .arg = arg };
}

bool loop_timer_armed(const struct loop_timer *t)
{
	return t->slot != 0;
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	if (!t->slot)
		return;
	size_t slot = t->slot;
	t->slot = 0;
	struct loop_timer *last = l->heap[--l->timers];
	if (last == t)
		return;
	if (slot > 1 && l->heap[slot / 2 - 1]->due > last->due)
		heap_up(l, last, slot);
	else
		heap_down(l, last, slot);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t after_ms)
{
	assert(t->cb);
	loop_timer_stop(l, t);
	if (l->timers == l->heap_cap) {
		size_t cap = l->heap_cap ? l->heap_cap * 2 : 64;
		struct loop_timer **heap = realloc(l->heap, cap * sizeof *heap);
		if (!heap)
			abort();   /* a lost timer would be a mitigation that never ends */
		l->heap = heap;
		l->heap_cap = cap;
	}
	t->due = l->now + (after_ms > 0 ? after_ms : 0);
	heap_up(l, t, ++l->timers);
}

static void signals_ready(void *arg, uint32_t events)
{
	struct loop *l = arg;
	(void)events;
	struct signalfd_siginfo info;
	while (read(l->signals.fd, &info, sizeof info) == (ssize_t)sizeof info)
		l->signal_cb(l->signal_arg, (int)info.ssi_signo);
}

int loop_signals(struct loop *l, const int *signals, size_t n, void (*cb)(void *arg, int signal), void *arg)
{
	assert(!l->signals.added);
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -1;
	l->signal_cb = cb;
	l->signal_arg = arg;
	return loop_add(l, &l->signals, fd, EPOLLIN, signals_ready, l);
}

int64_t loop_now(const struct loop *l)
{
	return l->now;
}

static bool any_always_ready(const struct loop *l)
{
	for (const struct loop_fd *f = l->always; f; f = f->next_always)
		if (f->events & (EPOLLIN | EPOLLOUT))
			return true;
	return false;
}

static bool call_ready(struct loop *l, int i, bool slow)
{
	struct loop_fd *f = l->events[i].data.ptr;
	if (!f || f->slow != slow)
		return false;
	f->cb(f->arg, l->events[i].events);
	return true;
}

/* Level-triggered: what is not called now is ready again in the next round, in the same order; so each round begins with another one. */
static void call_slow(struct loop *l)
{
	int64_t until = when_span_us() + SLOW_US;
	unsigned n = (unsigned)l->n_events, begin = l->turn;
	for (unsigned i = 0; i < n; i++)
		if (call_ready(l, (int)((begin + i) % n), true)) {
			l->turn = (begin + i + 1) % n;
			if (when_span_us() >= until)
				return;
		}
}

void loop_step(struct loop *l, int timeout_ms)
{
	int wait = timeout_ms;
	l->now = when_boot_ms();
	if (any_always_ready(l)) {
		wait = 0;
	} else if (l->timers) {
		int64_t until = l->heap[0]->due - l->now;
		if (until < 0)
			until = 0;
		if (wait < 0 || until < wait)
			wait = until > INT_MAX ? INT_MAX : (int)until;
	}
	int n = epoll_wait(l->epoll, l->events, ROUND_EVENTS, wait);
	l->now = when_boot_ms();
	l->n_events = n < 0 ? 0 : n;
	bool slow = false;
	for (int i = 0; i < l->n_events; i++) {
		call_ready(l, i, false);
		slow |= l->events[i].data.ptr && ((struct loop_fd *)l->events[i].data.ptr)->slow;
	}
	if (slow)
		call_slow(l);
	l->n_events = 0;
	for (struct loop_fd *f = l->always; f; f = l->always_next) {
		l->always_next = f->next_always;
		if (f->events & (EPOLLIN | EPOLLOUT))
			f->cb(f->arg, f->events & (EPOLLIN | EPOLLOUT));
	}
	/* Only what was due when the round began: a timer that re-arms itself with 0 must not starve the descriptors. */
	int64_t now = l->now;
	for (size_t budget = l->timers; budget && l->timers && l->heap[0]->due <= now; budget--) {
		struct loop_timer *t = l->heap[0];
		loop_timer_stop(l, t);
		t->cb(t->arg);
	}
}

int loop_run(struct loop *l)
{
	while (!l->stopping)
		loop_step(l, -1);
	l->stopping = false;
	return l->status;
}

void loop_stop(struct loop *l, int status)
{
	l->stopping = true;
	l->status = status;
}
