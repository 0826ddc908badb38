/* The program's build ID; see build.h. */
#include "apps/tape/build.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "apps/commands.h"

#define ID_MAX 32U /* bytes; the linker's own is a SHA-1, of 20 */

struct found {
    uint8_t id[ID_MAX];
    size_t len;
};

static size_t padded(size_t n)
{
    return (n + 3) / 4 * 4;
}

/* Looks through the notes of a segment: name size, content size and type, then both, padded. */
static void look(struct rd notes, struct found *out)
{
    while (rd_left(&notes) >= sizeof(ElfW(Nhdr)) && out->len == 0) {
        ElfW(Nhdr) head;
        rd_copy(&notes, &head, sizeof head);
        struct slice name = rd_take(&notes, padded(head.n_namesz));
        struct slice content = rd_take(&notes, padded(head.n_descsz));
        if (!notes.failed && head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
            memcmp(name.data, "GNU", 4) == 0) {
            out->len = size_min(head.n_descsz, ID_MAX);
            memcpy(out->id, content.data, out->len);
        }
    }
}

/* dl_iterate_phdr: the first is the program itself. */
static int on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_NOTE) {
            /* An address that the loader gives as a number. NOLINTNEXTLINE(performance-no-int-to-ptr) */
            const void *at = (const void *)(uintptr_t)(info->dlpi_addr + p->p_vaddr);
            look(rd_of(at, p->p_memsz), arg);
        }
    }
    return 1;
}

void tape_build(char out[TAPE_BUILD_MAX + 1])
{
    struct found f = {0};
    char hex[2 * ID_MAX + 1] = "unknown";
    dl_iterate_phdr(on_object, &f);
    for (size_t i = 0; i < f.len; i++) {
        snprintf(hex + 2 * i, 3, "%02x", f.id[i]);
    }
    snprintf(out, TAPE_BUILD_MAX + 1, "vitrine " VITRINE_VERSION ", build %s", hex);
}
