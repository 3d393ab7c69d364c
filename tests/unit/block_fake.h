/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block_fake - a kernel that takes every well-formed transaction, keeps what it was last told, and answers dumps with given bytes. Linked with --wrap (tests/block.mk). */
#ifndef TESTS_BLOCK_FAKE_H
#define TESTS_BLOCK_FAKE_H

#include <stddef.h>
#include <stdint.h>

extern uint8_t fake_said[1 << 20];           /* the last message or batch */
extern size_t fake_said_len;
extern unsigned fake_batches;                /* taken so far */
/* The payload of the answers to dumps and other questions, in front of it a message header and a struct nfgenmsg: `chunk` bytes an answer. */
void fake_answers(const uint8_t *data, size_t len, size_t chunk);

#endif
