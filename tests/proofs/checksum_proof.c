/* The Internet checksum (stack/base/checksum.c) is the one of RFC 1071.
 *
 * Proven:
 * - csum_add reads exactly its bytes, for every length up to SAFE_BYTES and at every alignment: its
 *   longest path goes twice round each loop;
 * - for up to EQUAL_BYTES bytes of any content, csum_finish(csum_add(0, …)) is the complement of the
 *   sum of 16-bit words with the carries added back, an odd last byte padded with zero, written here as
 *   the RFC says it and no other way;
 * - a sum in two steps, at an even offset with csum_add and at any with csum_add_slices, is the sum of
 *   the whole; csum_add_be16 and csum_add_be32 count as the bytes that they stand for;
 * - a packet that carries its checksum sums up to 0 (what a receiver asks for);
 * - a carry out of the 64 bits comes back in; folding adds the words of the lower 32 bits, and those of
 *   the upper 32 alike.
 * Assumed: a machine in little-endian order, as CBMC takes it from the system it runs on.
 *
 * proof-sources: stack/base/checksum.c
 * proof-unwind: 10
 * proof-unwind-checksum_memory: 4
 * proof-unwind-checksum_slices: 6
 * proof-checks: --object-bits 10
 */
#include "stack/base/checksum.h"
#include "tests/proofs/proof.h"

#define SAFE_BYTES 80U
#define EQUAL_BYTES 5U /* of any content, for any length up to it */
#define MOST_BYTES 8U

/* RFC 1071 1: adjacent octets are paired to 16-bit integers, and their one's complement sum taken. */
static uint16_t specified(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < MOST_BYTES; i += 2) {
        uint32_t high = i < len ? bytes[i] : 0;
        uint32_t low = i + 1 < len ? bytes[i + 1] : 0;
        sum += high << 8 | low;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

PROOF(checksum_memory)
{
    uint8_t bytes[SAFE_BYTES];
    size_t len = any_size(SAFE_BYTES);
    uint64_t sum = csum_add(nondet_u64(), bytes + (SAFE_BYTES - len), len);
    (void)csum_finish(sum);
    REACHES_IF(len == SAFE_BYTES - 1, "the longest path");
}

PROOF(checksum_equal)
{
    uint8_t bytes[EQUAL_BYTES];
    size_t len = any_size(EQUAL_BYTES);
    uint16_t sum = csum_finish(csum_add(0, bytes, len));
    PROVE(sum == specified(bytes, len), "RFC 1071");
    REACHES_IF(len == EQUAL_BYTES && sum == 0x1234, "an odd length");
}

PROOF(checksum_slices)
{
    uint8_t bytes[4];
    size_t len = any_size(sizeof bytes);
    size_t cut = any_size(len);
    size_t again = cut + any_size(len - cut);
    struct slice parts[3] = {
        {bytes, cut}, {bytes + cut, again - cut}, {bytes + again, len - again}};
    PROVE(csum_finish(csum_add_slices(0, parts, 3)) == specified(bytes, len), "cut anywhere");
    REACHES_IF(cut == 1 && again == 2 && len == sizeof bytes, "odd and even again");
}

PROOF(checksum_even)
{
    uint8_t bytes[EQUAL_BYTES];
    size_t len = any_size(sizeof bytes);
    size_t cut = any_size(len / 2) * 2;
    ASSUME(cut <= len);
    uint64_t sum = csum_add(csum_add(0, bytes, cut), bytes + cut, len - cut);
    PROVE(csum_finish(sum) == specified(bytes, len), "cut at an even offset");
    REACHES_IF(cut == 4 && len == sizeof bytes, "two parts");
}

PROOF(checksum_numbers)
{
    uint32_t wide = nondet_u32();
    uint16_t narrow = nondet_u16();
    uint8_t bytes[6] = {(uint8_t)(wide >> 24), (uint8_t)(wide >> 16),  (uint8_t)(wide >> 8),
                        (uint8_t)wide,         (uint8_t)(narrow >> 8), (uint8_t)narrow};
    uint64_t sum = csum_add_be16(csum_add_be32(0, wide), narrow);
    PROVE(csum_finish(sum) == specified(bytes, sizeof bytes), "as the bytes of the numbers");
    REACHES("numbers");
}

PROOF(checksum_receiver)
{
    uint8_t bytes[EQUAL_BYTES + 3];
    size_t len = any_size(sizeof bytes - 2) + 2;
    bytes[0] = 0;
    bytes[1] = 0;
    uint16_t sum = csum_finish(csum_add(0, bytes, len));
    bytes[0] = (uint8_t)(sum >> 8);
    bytes[1] = (uint8_t)sum;
    PROVE(csum_finish(csum_add(0, bytes, len)) == 0, "a right checksum is found right");
    REACHES_IF(sum != 0, "a checksum");
}

/* A carry out of 64 bits comes back in, for any sum so far and one word of any content. */
PROOF(checksum_carry)
{
    uint8_t bytes[8];
    uint64_t sum = nondet_u64();
    uint64_t word = nondet_u64();
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(word >> (8 * i));
    }
    bool carry = word > UINT64_MAX - sum;
    PROVE(csum_add(sum, bytes, sizeof bytes) == sum + word + carry, "the carry comes back in");
    REACHES_IF(carry, "a carry");
}

/* The sum modulo 2^16 - 1 stands in every 16 bits alike (RFC 1071 2(C)). */
PROOF(checksum_fold)
{
    uint64_t sum = nondet_u32();
    uint32_t words = (uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16);
    words = (words & 0xffff) + (words >> 16);
    uint16_t swapped = (uint16_t)~words;
    PROVE(csum_finish(sum) == (uint16_t)(swapped << 8 | swapped >> 8), "the sum of its words");
    uint64_t shifted = sum << 32;
    PROVE(csum_finish(shifted) == csum_finish(sum), "the upper words count alike");
    REACHES_IF(sum > UINT32_MAX - 9, "carries");
}
