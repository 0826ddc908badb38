/* The Internet checksum (RFC 1071): the one's complement of the one's complement sum of 16-bit words.
 *
 * `csum_add` may be called on parts of any length in sequence as long as every part but the last
 * has even length, or with `csum_add_slices`, which handles odd parts. The running sum is kept in
 * 64 bits and folded once.
 */
#ifndef VITRINE_BASE_CHECKSUM_H
#define VITRINE_BASE_CHECKSUM_H

#include "stack/base/types.h"

uint64_t csum_add(uint64_t sum, const void *data, size_t len);
uint64_t csum_add_slices(uint64_t sum, const struct slice *slices, size_t n);
uint64_t csum_add_be16(uint64_t sum, uint16_t host_order);
uint64_t csum_add_be32(uint64_t sum, uint32_t host_order);
/* Folds to the value to write with wr_be16. A whole packet that carries a right checksum gives 0. */
uint16_t csum_finish(uint64_t sum);

#endif
