/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loop - one epoll per process, timers in a heap on CLOCK_BOOTTIME, signals through signalfd. Single-threaded; nothing in it blocks. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/* Embedded in its owner's structure, which must stay in place while added. Zero-initialise. */
struct loop_fd {
	int fd;
	uint32_t events;
	void (*cb)(void *arg, uint32_t events);
	void *arg;
	bool added, always;   /* always: a regular file, which epoll refuses; treated as ready in each round */
	bool slow;
	struct loop_fd *next_always;
};

struct loop_timer {
	int64_t due;          /* loop_now() at which it fires */
	size_t slot;          /* place in the heap + 1; 0 = not armed */
	void (*cb)(void *arg);
	void *arg;
};

struct loop *loop_new(void);          /* NULL with errno when the kernel refuses */
void loop_free(struct loop *l);       /* NULL allowed; what was added stays its owners' */

/* Level-triggered. 0, or -1 with errno. The callback may delete and free any loop_fd, its own included. */
int loop_add(struct loop *l, struct loop_fd *f, int fd, uint32_t events, void (*cb)(void *arg, uint32_t events), void *arg);
int loop_mod(struct loop *l, struct loop_fd *f, uint32_t events);   /* no system call when nothing changes */
/* What computes for long gives way: its callbacks come after all others of a round, and as many as fit into a millisecond; the rest wait for the next one. */
void loop_slow(struct loop_fd *f, bool slow);
void loop_del(struct loop *l, struct loop_fd *f);                   /* does not close; harmless when not added */

void loop_timer_init(struct loop_timer *t, void (*cb)(void *arg), void *arg);
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t after_ms);   /* arms or moves it */
void loop_timer_stop(struct loop *l, struct loop_timer *t);                    /* harmless when not armed */
bool loop_timer_armed(const struct loop_timer *t);

/* Blocks the signals for the process and delivers them to cb from the loop; once per loop. 0, or -1 with errno. */
int loop_signals(struct loop *l, const int *signals, size_t n, void (*cb)(void *arg, int signal), void *arg);

int64_t loop_now(const struct loop *l);        /* CLOCK_BOOTTIME ms, read once per round */
int loop_run(struct loop *l);                  /* until loop_stop; returns its status */
void loop_stop(struct loop *l, int status);
/* One round: waits at most timeout_ms (-1 = until something is due), for tests and programs inside programs. */
void loop_step(struct loop *l, int timeout_ms);

#endif
