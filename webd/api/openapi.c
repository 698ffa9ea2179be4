/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of schemas/capability_list.h as a document. */
#include "webd/api/openapi.h"

#include <string.h>

#include "common/capability_rows.h"
#include "webd/api/api_answer.h"
#include "webd/api/api_question.h"

#define TIME_SCHEMA                                                                                \
    "{\"type\":\"string\",\"nullable\":true,\"pattern\":"                                          \
    "\"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$\"}"

/* What a column may hold. A number that JSON has not is a text. */
static const char *schema_of(const struct registry *r, const char *element)
{
    if (api_is_document(slice_of(element))) {
        return "{\"nullable\":true,\"description\":\"a JSON document\"}";
    }
    switch (registry_primitive(r, slice_of(element))) {
    case PRIMITIVE_NATURAL:
    case PRIMITIVE_REAL:
        return "{\"nullable\":true,\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\"}]}";
    case PRIMITIVE_BOOLEAN:
        return "{\"type\":\"boolean\",\"nullable\":true}";
    case PRIMITIVE_TIME:
        return TIME_SCHEMA;
    case PRIMITIVE_NONE:
    case PRIMITIVE_STRING:
    case PRIMITIVE_ADDRESS:
    case PRIMITIVE_URL:
    default:
        return "{\"type\":\"string\",\"nullable\":true}";
    }
}

static void write_parameter(FILE *f, const char *name)
{
    fprintf(
        f,
        "{\"name\":\"%s\",\"in\":\"query\",\"required\":false,\"schema\":{\"type\":\"string\"}},",
        name);
}

/* Of one row, all of its columns. */
static void write_row_schema(FILE *f, const struct capability_row *row, const struct registry *r)
{
    fputs("{\"type\":\"object\",\"additionalProperties\":false,\"required\":[", f);
    for (const char *const *c = row->columns; *c != NULL; c++) {
        fprintf(f, "%s\"%s\"", c == row->columns ? "" : ",", *c);
    }
    fputs("],\"properties\":{", f);
    for (const char *const *c = row->columns; *c != NULL; c++) {
        fprintf(f, "%s\"%s\":%s", c == row->columns ? "" : ",", *c, schema_of(r, *c));
    }
    fputs("}}", f);
}

static void write_answer_schema(FILE *f, const struct capability_row *row, const struct registry *r)
{
    fprintf(
        f,
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"question\",\"rows\"],"
        "\"properties\":{\"question\":{\"type\":\"string\",\"enum\":[\"%s\"]},"
        "\"from\":{\"$ref\":\"#/components/schemas/Moment\"},"
        "\"to\":{\"$ref\":\"#/components/schemas/Moment\"},"
        "\"at\":{\"$ref\":\"#/components/schemas/Moment\"},"
        "\"next\":{\"type\":\"string\"},\"rows\":{\"type\":\"array\",\"items\":",
        row->label);
    write_row_schema(f, row, r);
    fputs("}}}", f);
}

#define REFUSALS                                                                                   \
    "\"default\":{\"description\":\"refused\",\"content\":{\"application/json\":{\"schema\":"      \
    "{\"$ref\":\"#/components/schemas/Refusal\"}}}}}"

static void write_question(FILE *f, const struct capability_row *row, const struct registry *r)
{
    fprintf(f, ",\n\"/api/v1/%s\":{\"get\":{\"operationId\":\"%s\",\"parameters\":[", row->label,
            row->label);
    for (const char *const *p = row->parameters; *p != NULL; p++) {
        write_parameter(f, *p);
    }
    fputs("{\"$ref\":\"#/components/parameters/from\"},{\"$ref\":\"#/components/parameters/to\"},"
          "{\"$ref\":\"#/components/parameters/at\"}],\"responses\":{\"200\":{\"description\":"
          "\"the answer\",\"content\":{\"application/json\":{\"schema\":",
          f);
    write_answer_schema(f, row, r);
    fputs("},\"application/x-ndjson\":{\"schema\":{\"type\":\"string\"}},"
          "\"text/csv\":{\"schema\":{\"type\":\"string\"}}}}," REFUSALS "}}",
          f);
}

#define OBJECT(required, properties)                                                               \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"
#define TEXT_LIST "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"

#define TEXT              "{\"type\":\"string\"}"
#define INTEGER           "{\"type\":\"integer\"}"
#define MOMENT            "{\"$ref\":\"#/components/schemas/Moment\"}"
#define LIST(of)          "{\"type\":\"array\",\"items\":" of "}"
#define JSON_BODY(schema) "\"content\":{\"application/json\":{\"schema\":" schema "}}"
#define GET(path, description, schema)                                                             \
    "\"/api/v1/" path "\":{\"get\":{\"operationId\":\"" path "\",\"responses\":{\"200\":{"         \
    "\"description\":\"" description "\"," JSON_BODY(schema) "}," REFUSALS "}}"

/* What is no question; the way in, `people`, is of the page. */
/* clang-format off */
static const char who_asks[] = GET("me", "who asks", OBJECT(
    "\"identity\",\"how\",\"may\",\"version\"",
    "\"identity\":" TEXT ","
    "\"how\":{\"type\":\"string\",\"enum\":[\"session\",\"certificate\",\"token\",\"proxy\"]},"
    "\"may\":" TEXT_LIST ","
    "\"csrf\":{\"type\":\"string\",\"nullable\":true},"
    "\"version\":" TEXT)) ",\n";

static const char publishers[] = GET("publishers", "who may publish a grading", OBJECT(
    "\"roles\",\"more\"",
    "\"roles\":" LIST(OBJECT(
        "\"role\",\"identities\"", "\"role\":" TEXT ",\"identities\":" TEXT_LIST)) ","
    "\"more\":" INTEGER)) ",\n";

static const char set_status[] = GET("status", "how the set does", OBJECT(
    "\"state\",\"ready\",\"at\",\"troubles\",\"certificates\",\"disks\",\"processes\"",
    "\"state\":{\"type\":\"string\",\"enum\":[\"ok\",\"ill\"]},"
    "\"ready\":{\"type\":\"boolean\"},"
    "\"at\":" MOMENT ","
    "\"troubles\":" TEXT_LIST ","
    "\"certificates\":" LIST(OBJECT(
        "\"process\",\"what\",\"whose\",\"ends\",\"days\"",
        "\"process\":" TEXT ","
        "\"what\":{\"type\":\"string\","
                  "\"enum\":[\"certificate\",\"authority\",\"revocation list\",\"client\"]},"
        "\"whose\":" TEXT ",\"ends\":" MOMENT ",\"days\":" INTEGER)) ","
    "\"disks\":" LIST(OBJECT(
        "\"process\",\"of\",\"way\",\"bytes\",\"free_bytes\",\"over_s\",\"full_s\"",
        "\"process\":" TEXT ",\"of\":" TEXT ","
        "\"way\":{\"type\":\"string\",\"enum\":[\"unknown\",\"steady\",\"filling\"]},"
        "\"bytes\":" INTEGER ",\"free_bytes\":" INTEGER ",\"over_s\":" INTEGER ","
        "\"full_s\":{\"type\":\"integer\",\"nullable\":true}")) ","
    "\"processes\":" LIST("{\"type\":\"object\"}"))) ",\n";

static const char under_way[] = GET("under-way", "how far your dry runs are", OBJECT(
    "\"dry_runs\"",
    "\"dry_runs\":" LIST(OBJECT("\"thousandths\",\"records\",\"seconds\"",
        "\"thousandths\":" INTEGER ",\"records\":" INTEGER ",\"seconds\":" INTEGER)))) ",\n";

static const char way_in_and_out[] =
    "\"/api/v1/login\":{\"post\":{\"operationId\":\"login\",\"security\":[],"
        "\"requestBody\":{\"required\":true," JSON_BODY("{\"oneOf\":[" OBJECT(
            "\"name\",\"password\"", "\"name\":" TEXT ",\"password\":" TEXT) ","
            OBJECT("\"ticket\"", "\"ticket\":" TEXT) "]}") "},"
        "\"responses\":{\"204\":{\"description\":\"a session has begun\"}," REFUSALS "}},\n"
    "\"/api/v1/logout\":{\"post\":{\"operationId\":\"logout\",\"parameters\":[{"
        "\"name\":\"X-EZRepo-CSRF\",\"in\":\"header\",\"schema\":" TEXT "}],"
        "\"responses\":{\"204\":{\"description\":\"the session is over\"}," REFUSALS "}}";
/* clang-format on */

#define CSRF_HEADER                                                                                \
    "\"parameters\":[{\"name\":\"X-EZRepo-CSRF\",\"in\":\"header\",\"description\":"               \
    "\"csrf of /api/v1/me; a token needs none\",\"schema\":{\"type\":\"string\"}}],"
#define FAULTS LIST("{\"$ref\":\"#/components/schemas/Fault\"}")

/* A body of this capability's parameters, of which the first has to be there. */
static void write_body(FILE *f, const struct capability_row *row)
{
    fprintf(f,
            CSRF_HEADER "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":"
                        "{\"schema\":{\"type\":\"object\",\"additionalProperties\":false,"
                        "\"required\":[\"%s\"],\"properties\":{",
            row->parameters[0]);
    for (const char *const *p = row->parameters; *p != NULL; p++) {
        fprintf(f, "%s\"%s\":{\"type\":\"string\",\"nullable\":true}",
                p == row->parameters ? "" : ",", *p);
    }
    if (strcmp(row->verb, "store") != 0) {
        fputs(",\"from\":{\"type\":\"string\",\"nullable\":true},\"to\":{\"type\":\"string\","
              "\"nullable\":true}",
              f);
    }
    fputs("}}}}},\"responses\":{\"200\":{\"description\":", f);
}

/* What is done by a body: it changes something, or asks. */
static void write_posted(FILE *f, const struct capability_row *row, const struct registry *r)
{
    fprintf(f, ",\n\"/api/v1/%s\":{\"post\":{\"operationId\":\"%s\",", row->label, row->label);
    write_body(f, row);
    fprintf(f, "\"%s\",\"content\":{\"application/json\":{\"schema\":",
            strcmp(row->verb, "store") == 0 ? "it is done" : "the answer");
    write_answer_schema(f, row, r);
    fputs("},\"application/x-ndjson\":{\"schema\":{\"type\":\"string\"}},"
          "\"text/csv\":{\"schema\":{\"type\":\"string\"}}}}," REFUSALS "}}",
          f);
}

static void write_check(FILE *f)
{
    fputs(",\n\"/api/v1/check-grading\":{\"post\":{\"operationId\":\"check-grading\",", f);
    write_body(f, &capability_rows[CAPABILITY_SET_GRADING]);
    fputs("\"what is wrong with it\",\"content\":{\"application/json\":{\"schema\":" OBJECT(
              "\"blocks\",\"names\",\"faults\",\"more\",\"warnings\",\"compared\",\"hints\"",
              "\"blocks\":{\"type\":\"integer\",\"nullable\":true},\"names\":" TEXT_LIST
              ",\"faults\":" FAULTS ",\"more\":{\"type\":\"integer\"},\"warnings\":" FAULTS
              ",\"compared\":{\"type\":\"boolean\"},\"hints\":" FAULTS) "}}}," REFUSALS "}}",
          f);
}

static void write_changes(FILE *f)
{
    const struct capability_row *row = &capability_rows[CAPABILITY_CHANGES];
    fputs(",\n\"/api/v1/changes\":{\"get\":{\"operationId\":\"changes\",\"parameters\":[", f);
    for (const char *const *p = row->parameters; *p != NULL; p++) {
        write_parameter(f, *p);
    }
    fputs("{\"name\":\"Last-Event-ID\",\"in\":\"header\",\"schema\":{\"type\":\"string\"}}],"
          "\"responses\":{\"200\":{\"description\":\"server-sent events\",\"content\":"
          "{\"text/event-stream\":{\"schema\":{\"type\":\"string\"}}}}," REFUSALS "}}",
          f);
}

static void write_ways_in(FILE *f, const char *cookie)
{
    fprintf(f,
            "\"securitySchemes\":{"
            "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
            "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"%s\"}}",
            cookie);
}

/* What the others refer to. */
/* clang-format off */
static const char schemas[] =
    "\"Moment\":{\"type\":\"string\",\"description\":\"RFC 3339 in UTC, past or future\"},"
    "\"Refusal\":" OBJECT("\"error\"", "\"error\":" OBJECT(
        "\"reason\",\"message\"",
        "\"reason\":" TEXT ",\"message\":" TEXT ",\"faults\":" FAULTS)) ","
    "\"Fault\":" OBJECT(
        "\"place\",\"message\",\"line\",\"column\"",
        "\"place\":" TEXT ",\"message\":" TEXT ",\"line\":" INTEGER ",\"column\":" INTEGER);
/* clang-format on */

static void write_components(FILE *f, const char *cookie)
{
    static const char *const points[] = {"from", "to", "at"};
    fputs("},\n\"components\":{", f);
    write_ways_in(f, cookie);
    fputs(",\"parameters\":{", f);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        fprintf(f,
                "%s\"%s\":{\"name\":\"%s\",\"in\":\"query\",\"required\":false,\"description\":"
                "\"RFC 3339, past, now or future\",\"schema\":{\"type\":\"string\"}}",
                i == 0 ? "" : ",", points[i], points[i]);
    }
    fprintf(f, "},\"schemas\":{%s}}}\n", schemas);
}

void openapi_write(FILE *f, const struct registry *r, const char *cookie)
{
    fputs("{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"EZRepo\",\"version\":\"" EZREPO_VERSION
          "\"},\"security\":[{\"token\":[]},{\"session\":[]}],\"paths\":{\n",
          f);
    fputs(who_asks, f);
    fputs(publishers, f);
    fputs(set_status, f);
    fputs(under_way, f);
    fputs(way_in_and_out, f);
    write_changes(f);
    for (enum capability_kind kind = 0; kind < CAPABILITY_COLLECT; kind++) {
        const struct capability_row *row = &capability_rows[kind];
        if (api_question_kind(slice_of(row->label)) == kind) {
            write_question(f, row, r);
        } else if (api_change_kind(slice_of(row->label)) == kind ||
                   api_posted_kind(slice_of(row->label)) == kind) {
            write_posted(f, row, r);
        }
    }
    write_check(f);
    write_components(f, cookie);
}
