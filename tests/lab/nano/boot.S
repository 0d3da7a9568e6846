/* The first sector of a nano guest, and its two ways into the BIOS.
 *
 * The whole guest stays in 16-bit real mode, so that SeaBIOS's own disk drivers serve it on any bus
 * (virtio, IDE, AHCI, SCSI) of any machine type. The BIOS loads this sector at 0x7c00; we load the
 * rest right behind it (the image is linked at 0x7c00 in one piece) and call kernel_main(drive).
 */
        .code16gcc
        .section .boot, "ax"
        .globl _start
_start: ljmp    $0, $1f                 /* some BIOSes start us at 07c0:0000 */
1:      xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $0x7c00, %esp           /* stack grows down from the code */
        cld
        movzbl  %dl, %edx
        movl    %edx, %ebx              /* drive number, kept for kernel_main */
        movl    $packet, %esi
        movb    $0x42, %ah              /* extended read */
        int     $0x13
        jc      2f
        pushl   %ebx
        calll   kernel_main
2:      hlt
        jmp     2b

        .balign 4
packet: .byte   16, 0                   /* size of this packet */
        .word   nano_load_sectors       /* set by the linker script */
        .word   0x7e00, 0               /* to 0000:7e00 */
        .quad   1                       /* from sector 1 */

        .org    510
        .word   0xaa55

        .text
/* int bios_disk(uint32_t ax, uint32_t drive, void *packet): 0 when the BIOS reports success. */
        .globl bios_disk
bios_disk:
        pushal
        movl    36(%esp), %eax
        movl    40(%esp), %edx
        movl    44(%esp), %esi
        sti
        int     $0x13
        setc    %al
        movzbl  %al, %eax
        movl    %eax, 28(%esp)          /* becomes eax at popal */
        popal
        retl

/* void wait_interrupt(void): sleep until the next timer tick (55 ms). */
        .globl wait_interrupt
wait_interrupt:
        sti
        hlt
        retl
