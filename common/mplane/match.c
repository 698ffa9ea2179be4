/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a specification fulfils a capability. */
#include <stdio.h>

#include "common/mplane/constraint.h"
#include "common/mplane/mplane_message.h"

/* Who is asked, and where the reason for a no is told. */
struct match {
    struct arena *arena;
    const struct registry *registry;
    char *error;
    size_t error_size;
};

static bool no(const struct match *m, const char *what, struct slice name)
{
    snprintf(m->error, m->error_size, "%s%.*s", what, (int)name.len, name.len == 0 ? "" : name.at);
    return false;
}

/* Each value of the parameter within the constraint. */
static bool meets(const struct match *m, const struct mplane_parameter *asked,
                  const struct mplane_parameter *offered)
{
    enum primitive primitive = registry_primitive(m->registry, asked->name);
    struct constraint c;
    char error[160];
    if (primitive == PRIMITIVE_NONE) {
        return no(m, "no such element in the registries: ", asked->name);
    }
    if (constraint_parse(m->arena, primitive, offered->values[0], &c, error, sizeof error) == -1) {
        return no(m, "the capability's constraint cannot be read: ", asked->name);
    }
    if (c.list != asked->list) {
        return no(m, c.list ? "expected a list of values: " : "expected one value, found a list: ",
                  asked->name);
    }
    for (uint32_t i = 0; i < asked->count; i++) {
        struct value v;
        if (value_parse(m->arena, primitive, asked->values[i], &v, error, sizeof error) == -1) {
            return no(m, "the value cannot be read: ", asked->name);
        }
        if (!constraint_met(&c, &v)) {
            return no(m, "the value does not meet the capability's constraint: ", asked->name);
        }
    }
    return true;
}

static bool same_parameters(const struct match *m, const struct mplane_message *specification,
                            const struct mplane_message *capability)
{
    for (uint32_t i = 0; i < capability->parameter_count; i++) {
        const struct mplane_parameter *offered = &capability->parameters[i];
        const struct mplane_parameter *asked =
            mplane_message_parameter(specification, offered->name);
        if (asked == NULL) {
            return no(m, "a parameter is missing: ", offered->name);
        }
        if (!meets(m, asked, offered)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < specification->parameter_count; i++) {
        if (mplane_message_parameter(capability, specification->parameters[i].name) == NULL) {
            return no(m,
                      "the capability has no such parameter: ", specification->parameters[i].name);
        }
    }
    return true;
}

static bool same_columns(const struct match *m, const struct mplane_message *specification,
                         const struct mplane_message *capability)
{
    for (uint32_t i = 0; i < capability->column_count; i++) {
        if (mplane_message_column(specification, capability->columns[i]) == -1) {
            return no(m, "a result column is missing: ", capability->columns[i]);
        }
    }
    for (uint32_t i = 0; i < specification->column_count; i++) {
        if (mplane_message_column(capability, specification->columns[i]) == -1) {
            return no(m, "the capability has no such result column: ", specification->columns[i]);
        }
    }
    return true;
}

bool mplane_message_fulfils(struct arena *a, const struct mplane_message *specification,
                            const struct mplane_message *capability, const struct registry *r,
                            int64_t now_us, char *error, size_t error_size)
{
    const struct match m = {a, r, error, error_size};
    if (!registry_same(specification->registry, capability->registry)) {
        return no(&m, "the capability's registry is ", capability->registry);
    }
    if (!specification->has_when || !capability->has_when ||
        !when_follows(&specification->when, &capability->when, now_us)) {
        return no(&m, "the temporal scope is not within the capability's", (struct slice){NULL, 0});
    }
    return same_columns(&m, specification, capability) &&
           same_parameters(&m, specification, capability);
}
