/* The nano guest: four times a second it counts one further on its own disk and says so on the
 * serial line. It exists to make a virtual machine's life *visible from outside*: a count that
 * moves is a running guest, a count that stands is a stalled one, and two run ids on one disk is
 * the disaster that high availability must never cause. The protocol is in nano_disk.h.
 *
 * 16-bit real mode, compiled with -m16; all pointers are below 64 KiB and all segments are 0.
 */
#include "nano_disk.h"

enum { kSerialPort = 0x3f8, kBeatMilliticks = 4551 }; /* a BIOS tick is 54.9 ms: 4 beats a second */

extern int bios_disk(uint32_t ax, uint32_t drive, void* packet);
extern void wait_interrupt(void);

static uint32_t boot_drive;

static void out8(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
static void out16(uint16_t port, uint16_t value) {
  __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
static void out32(uint16_t port, uint32_t value) {
  __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}
static uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static uint16_t in16(uint16_t port) {
  uint16_t value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static uint32_t in32(uint16_t port) {
  uint32_t value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

/* ---- serial line ---- */

static void put_char(char c) {
  /* Bounded: a serial port nobody drains must not stop the guest. */
  for (int i = 0; i < 10000 && !(in8(kSerialPort + 5) & 0x20); ++i) {
  }
  out8(kSerialPort, (uint8_t)c);
}
static void put_text(const char* text) {
  while (*text) put_char(*text++);
}
static void put_hex(uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) put_char("0123456789abcdef"[(value >> shift) & 15]);
}
static void put_number(uint32_t value) {
  char digits[11];
  int at = 10;
  digits[at] = 0;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  put_text(digits + at);
}

/* ---- disk ---- */

static int transfer(uint32_t function, uint32_t sector, void* buffer) {
  struct __attribute__((packed)) {
    uint8_t size, zero;
    uint16_t sectors, offset, segment;
    uint64_t lba;
  } packet = {16, 0, 1, (uint16_t)(uint32_t)buffer, 0, sector};
  return bios_disk(function, boot_drive, &packet);
}
static int read_sector(uint32_t sector, struct nano_record* record) {
  return transfer(0x4200, sector, record);
}
static int write_record(uint32_t sector, uint64_t magic, struct nano_record* record) {
  record->magic = magic;
  record->checksum = nano_checksum(record);
  return transfer(0x4300, sector, record);
}
static int valid(const struct nano_record* record, uint64_t magic) {
  return record->magic == magic && record->checksum == nano_checksum(record);
}

/* ---- who we are: clock of the machine, time stamp counter and timer phase, well mixed ---- */

static uint8_t clock_register(uint8_t index) {
  out8(0x70, index);
  return in8(0x71);
}
static uint64_t draw_run_id(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  uint64_t seed = ((uint64_t)high << 32) | low;
  for (uint8_t i = 0; i < 10; ++i) seed = seed * 6364136223846793005ULL + clock_register(i);
  for (int i = 0; i < 64; ++i) { /* the jitter of the host shows in each reading */
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    seed = (seed ^ low ^ in8(0x40)) * 1099511628211ULL;
    seed ^= seed >> 29;
  }
  return seed ? seed : 1;
}

/* ---- ACPI power button: found on PIIX4 (machine pc) and ICH9 (machine q35), polled ---- */

static uint16_t pm_base;

static uint32_t pci_read(uint32_t device, uint32_t function, uint32_t reg) {
  out32(0xcf8, 0x80000000U | (device << 11) | (function << 8) | reg);
  return in32(0xcfc);
}
static void find_power_button(void) {
  for (uint32_t device = 0; device < 32 && !pm_base; ++device) {
    for (uint32_t function = 0; function < 8; ++function) {
      uint32_t id = pci_read(device, function, 0);
      if (id != 0x71138086 && id != 0x29188086) continue;
      pm_base = (uint16_t)(pci_read(device, function, 0x40) & (id == 0x71138086 ? 0xffc0 : 0xff80));
      break;
    }
  }
  if (!pm_base) return;
  out16(pm_base + 4, in16(pm_base + 4) | 1);     /* ACPI mode */
  out16(pm_base + 2, in16(pm_base + 2) | 0x100); /* power button enabled */
  out16(pm_base, 0x100);                         /* and not pressed yet */
  out8(0x21, in8(0x21));
  out8(0xa1, in8(0xa1) | 0x02); /* SCI (IRQ 9) masked: we poll, nobody would acknowledge it */
}
static void power_off_if_asked(void) {
  if (!pm_base || !(in16(pm_base) & 0x100)) return;
  put_text("POWER BUTTON\n");
  out16(pm_base, 0x100);
  out16(pm_base + 4, 0x2000); /* S5 */
}

/* ---- counting ---- */

static struct nano_record mine;     /* what we write */
static struct nano_record expected; /* what the disk must show before our next write */
static struct nano_record seen;
static struct nano_record scratch;
static int split_marked;

static int same(const struct nano_record* a, const struct nano_record* b) {
  return a->magic == b->magic && a->run == b->run && a->count == b->count;
}

static void mark_split(void) {
  put_text("SPLIT foreign run ");
  put_hex(seen.run);
  put_char('\n');
  if (split_marked ||
      (read_sector(NANO_SPLIT_SECTOR, &scratch) == 0 && valid(&scratch, NANO_SPLIT_MAGIC))) {
    return; /* the first mark is the evidence, keep it */
  }
  scratch = mine;
  scratch.other_run = seen.run;
  scratch.other_count = seen.count;
  split_marked = write_record(NANO_SPLIT_SECTOR, NANO_SPLIT_MAGIC, &scratch) == 0;
}

static void beat(void) {
  if (read_sector(NANO_COUNTER_SECTOR, &seen) != 0) {
    put_text("READ ERROR\n");
    return;
  }
  if (!valid(&seen, NANO_COUNTER_MAGIC)) seen.magic = seen.run = seen.count = 0;
  if (!same(&seen, &expected)) mark_split();
  ++mine.count;
  put_text("BEAT ");
  put_number((uint32_t)mine.count);
  scratch = mine;
  if (write_record(NANO_RING_SECTOR + (uint32_t)mine.count % NANO_RING_SLOTS, NANO_RING_MAGIC,
                   &scratch) != 0 ||
      write_record(NANO_COUNTER_SECTOR, NANO_COUNTER_MAGIC, &mine) != 0) {
    --mine.count;
    put_text(" WRITE ERROR\n");
    return;
  }
  expected = mine;
  put_text(" ok\n");
}

static void introduce(void) {
  put_text("NANO UP run ");
  put_hex(mine.run);
  put_text(" boot ");
  put_number(mine.boot);
  put_text(" continues at ");
  put_number((uint32_t)mine.count);
  put_text(pm_base ? " with power button\n" : " without power button\n");
}

static void begin(void) {
  while (read_sector(NANO_COUNTER_SECTOR, &expected) != 0) {
    put_text("READ ERROR\n");
    wait_interrupt();
    power_off_if_asked();
  }
  if (!valid(&expected, NANO_COUNTER_MAGIC)) {
    for (int i = 0; i < NANO_SECTOR_BYTES; ++i) ((uint8_t*)&expected)[i] = 0;
  }
  mine.run = draw_run_id();
  mine.boot = expected.boot + 1;
  mine.count = expected.count;
  mine.other_run = expected.run;
  mine.other_count = expected.count;
}

void kernel_main(uint32_t drive) {
  volatile uint32_t* ticks = (volatile uint32_t*)0x46c; /* BIOS: 18.2 Hz, back to 0 at midnight */
  boot_drive = drive;
  find_power_button();
  begin();
  introduce();
  uint32_t last = *ticks, credit = kBeatMilliticks;
  for (;;) {
    if (credit >= kBeatMilliticks) {
      credit = credit < 2 * kBeatMilliticks ? credit - kBeatMilliticks : 0; /* no catching up */
      beat();
    }
    wait_interrupt();
    power_off_if_asked();
    uint32_t now = *ticks;
    credit += now >= last ? (now - last) * 1000 : 1000;
    last = now;
  }
}
