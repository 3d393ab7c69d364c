/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link_floor - the least program that does the same with GnuTLS alone: what our listener is measured against. */
#ifndef BENCH_LINK_FLOOR_H
#define BENCH_LINK_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

struct floor;

/* Certificates by file, or the PSK by key (16 bytes) when certificate is NULL. */
struct floor *floor_new(int fd, const char *certificate, const char *key_file, const char *ca, const uint8_t *key);
void floor_run(struct floor *f, int stop_fd);     /* until stop_fd becomes readable */
unsigned floor_established(const struct floor *f);
unsigned long floor_hellos(const struct floor *f);
void floor_free(struct floor *f);

#endif
