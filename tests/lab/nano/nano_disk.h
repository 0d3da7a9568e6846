/* What a nano guest leaves on its disk.
 *
 * Two programs meet here and nowhere else: the guest (kernel.c, 16-bit freestanding C) that writes
 * these sectors, and diskwatch (C++20, on the machine) that reads them to judge whether a disk ever
 * had two writers. So this header is plain C, has no includes of its own beyond fixed-width types,
 * and every structure is packed and exactly one 512-byte sector.
 *
 *   sector 0          boot sector            sector 64          counter (the present)
 *   sector 1..63      the rest of the guest  sector 65          split mark (written once, never
 * cleared) sector 128..383    ring: the last 256 counts, one each
 *
 * Rules the guest follows (a reader may rely on them):
 *   1. A boot draws a fresh run id, reads the counter and continues from its count.
 *   2. Before each write the counter is read again. It must be what this run wrote last (before its
 *      first write: exactly what it saw at boot). Anything else is a second writer: split mark.
 *   3. Count n is written to ring slot n % 256 first, then to the counter. So in order of count the
 *      ring shows each run as one block: A A A B B. "A B A" means that two runs were alive at once.
 */
#ifndef TESTS_LAB_NANO_NANO_DISK_H_
#define TESTS_LAB_NANO_NANO_DISK_H_

#include <stdint.h>

enum {
  NANO_SECTOR_BYTES = 512,
  NANO_COUNTER_SECTOR = 64,
  NANO_SPLIT_SECTOR = 65,
  NANO_RING_SECTOR = 128,
  NANO_RING_SLOTS = 256,
  NANO_IMAGE_BYTES = 1048576
};

#define NANO_COUNTER_MAGIC 0x3154434f4e414e21ULL /* "!NANOCT1" */
#define NANO_RING_MAGIC 0x314752204f4e414eULL    /* "NANO RG1" */
#define NANO_SPLIT_MAGIC 0x3154494c50532121ULL   /* "!!SPLIT1" */

/* One record, the same shape in all three places; `checksum` covers every byte before it. */
struct __attribute__((packed)) nano_record {
  uint64_t magic;
  uint64_t run;       /* random per boot, never 0 */
  uint64_t count;     /* continues across boots */
  uint64_t other_run; /* counter, ring: the run before this one (0: none). Split: the foreign run */
  uint64_t other_count; /* where the other run stood */
  uint32_t boot;        /* number of boots of this disk, 1 for the first */
  uint32_t checksum;
  uint8_t unused[NANO_SECTOR_BYTES - 48];
};

/* FNV-1a over the part of the record in front of `checksum`. */
static inline uint32_t nano_checksum(const struct nano_record* record) {
  const uint8_t* bytes = (const uint8_t*)record;
  uint32_t hash = 2166136261U;
  for (int i = 0; i < 44; ++i) hash = (hash ^ bytes[i]) * 16777619U;
  return hash;
}

#endif /* TESTS_LAB_NANO_NANO_DISK_H_ */
