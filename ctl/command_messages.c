/* SPDX-License-Identifier: Apache-2.0 */
/* The command messages: what schemas/messages.h declares, for programs that are not in C. */
#include <inttypes.h>
#include <stdio.h>

#include "common/message.h"
#include "ctl/ctl.h"

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

/* How far the list of a message's fields is printed. */
struct list {
    bool begun;
    bool added; /* behind the mark: what follows came with this version */
};

static void print_field(struct list *list, const char *type, const char *name)
{
    printf("%s{\"name\": \"%s\", \"type\": \"%s\", \"added\": %s}", list->begun ? ", " : "", name,
           type, list->added ? "true" : "false");
    list->begun = true;
}

#define PRINT_UINT(name, max)        print_field(&list, "uint", #name);
#define PRINT_INT(name)              print_field(&list, "int", #name);
#define PRINT_STR(name, max)         print_field(&list, "str", #name);
#define PRINT_BIN(name, max)         print_field(&list, "bin", #name);
#define PRINT_UUID(name)             print_field(&list, "uuid", #name);
#define PRINT_STRS(name, max, bytes) print_field(&list, "strs", #name);
#define PRINT_UINTS(name, max)       print_field(&list, "uints", #name);
#define PRINT_ADDED()                list.added = true;

#define PRINT_MESSAGE(name, FIELDS)                                                                \
    static void print_##name(void)                                                                 \
    {                                                                                              \
        struct list list = {false, false};                                                         \
        printf("%s\n{\"name\": \"%s\", \"number\": %d, \"fields\": [",                             \
               MESSAGE_##name == 0 ? "" : ",", #name, (int)MESSAGE_##name);                        \
        FIELDS(PRINT_UINT, PRINT_INT, PRINT_STR, PRINT_BIN, PRINT_UUID, PRINT_STRS, PRINT_UINTS,   \
               PRINT_ADDED)                                                                        \
        fputs("]}", stdout);                                                                       \
    }

MESSAGES(PRINT_MESSAGE)

int ctl_messages(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {no_options, NULL};
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    printf("{\"version\": %d, \"messages\": [", MESSAGE_VERSION);
#define CALL(name, FIELDS) print_##name();
    MESSAGES(CALL)
#undef CALL
    puts("\n]}");
    return CTL_DONE;
}
