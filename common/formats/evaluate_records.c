/* SPDX-License-Identifier: Apache-2.0 */
/* Makes records of a document: rule by rule, element by element. */
#include "common/address.h"
#include "common/formats/evaluate.h"
#include "common/record_dimensions.h"

/* A document's records while they are made. */
struct record_maker {
    struct evaluation *evaluation;
    struct format_outcome *outcome;
    const struct record_rule *rule;
    struct format_record *records;
    uint32_t size;
    const struct format_fault **faults_end;
    const struct format_remark **remarks_end;
    uint32_t fault_count;
    bool given_up;    /* after FORMAT_FAULTS of them; what was made is kept */
    uint64_t element; /* of the rule, from 1; 0 before the first */
};

/* ---- what goes wrong ---- */

/* What could not be made of an element; the next one begins anew. */
static void keep_fault(struct record_maker *m)
{
    static const struct format_fault spare = {.place = "", .why = EVALUATE_MEMORY};
    struct evaluation *e = m->evaluation;
    struct format_fault *f = arena_alloc(e->arena, sizeof *f);
    if (f == NULL || m->given_up) {
        *m->faults_end = f == NULL ? &spare : NULL;
        e->beyond = true;
        return;
    }
    if (++m->fault_count > FORMAT_FAULTS && !e->beyond) {
        e->fault = NULL;
        evaluate_fault(e, NULL, "expected at most %d faults, found more: the rest is not read",
                       FORMAT_FAULTS);
        e->beyond = m->given_up = true;
    }
    *f = (struct format_fault){.place = e->fault_place, .element = m->element, .why = e->fault};
    *m->faults_end = f;
    m->faults_end = &f->next;
    e->fault = e->fault_place = NULL;
}

/* Of the record at hand, if there is one since it was asked for last. */
static void keep_remark(struct record_maker *m)
{
    struct format_remark *r = m->evaluation->remark;
    if (r != NULL) {
        r->record = m->outcome->count;
        *m->remarks_end = r;
        m->remarks_end = &r->next;
    }
    m->evaluation->remark = NULL;
}

/* ---- a record ---- */

static struct format_record *next_record(struct record_maker *m)
{
    struct evaluation *e = m->evaluation;
    if (m->outcome->count == e->limits->records) {
        e->beyond = true;
        evaluate_fault(e, m->rule->place, "expected at most %u records of one document",
                       e->limits->records);
        return NULL;
    }
    if (m->outcome->count == m->size) {
        uint32_t size = m->size == 0 ? 4 : 4 * m->size;
        struct format_record *records = arena_alloc(e->arena, size * sizeof *records);
        if (records == NULL) {
            e->beyond = true;
            evaluate_fault_memory(e, m->rule->place);
            return NULL;
        }
        if (m->size > 0) {
            memcpy(records, m->records, m->outcome->count * sizeof *records);
        }
        m->outcome->records = m->records = records;
        m->size = size;
    }
    return &m->records[m->outcome->count];
}

/* A host as records have it; probes keep the case of their names. */
static struct slice canonical(struct arena *a, enum dimension d, struct slice text)
{
    return d == DIMENSION_probe          ? address_canonical(a, text)
           : dimension_rows[d].addresses ? address_host(a, text)
                                         : text;
}

/*
 * The text that an expression gives, .at NULL without one. It lasts as long as the record: what is
 * remembered is overwritten by what is remembered next, while the reader still has this record.
 */
static struct slice lasting_text(struct record_maker *m, struct scope *s,
                                 const struct expression *x)
{
    struct evaluation *e = m->evaluation;
    struct slice text = evaluate_text(s, x);
    if (text.at == NULL || e->mapping->remember_count == 0) {
        return text;
    }
    text = arena_copy(e->arena, text);
    if (text.at == NULL) {
        evaluate_fault_memory(e, x->place);
    }
    return text;
}

static void make_dimensions(struct record_maker *m, struct scope *s, struct format_record *r)
{
    struct evaluation *e = m->evaluation;
    for (enum dimension d = 0; d < DIMENSION_COUNT && e->fault == NULL; d++) {
        const struct expression *x = m->rule->dimensions[d];
        struct slice text = x == NULL ? slice_of("") : lasting_text(m, s, x);
        r->dimensions[d] = text.at == NULL ? slice_of("") : canonical(e->arena, d, text);
        if (r->dimensions[d].at == NULL) {
            evaluate_fault_memory(e, x->place);
        }
    }
}

/* What stands where a time was expected, for a message. */
static const char *shown(struct scope *s, const struct instant *t, char room[DOCUMENT_SHOWN_ROOM])
{
    while (t->alternative_count > 0) { /* the last that was tried */
        t = t->alternatives[t->alternative_count - 1];
    }
    struct format_value v =
        t->value == NULL ? (struct format_value){.kind = VALUE_NONE} : evaluate(s, t->value);
    struct slice text = v.kind == VALUE_NODE ? slice_of("a list or an object")
                                             : value_text(s->evaluation, t->place, &v);
    return text.at == NULL ? "nothing" : document_shown(text, room);
}

static void make_times(struct record_maker *m, struct scope *s, struct format_record *r)
{
    char room[DOCUMENT_SHOWN_ROOM];
    const struct record_rule *rule = m->rule;
    m->evaluation->of_receipt = false;
    bool found = evaluate_instant(s, rule->start, &r->start_us);
    r->undated = m->evaluation->of_receipt;
    if (!found) {
        evaluate_fault(m->evaluation, rule->start->place,
                       "expected the time of the start, found %s", shown(s, rule->start, room));
        return;
    }
    if (rule->end == NULL || !evaluate_instant(s, rule->end, &r->end_us)) {
        r->end_us = r->start_us;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The words of the text that the hops give. */
static void make_hops(struct record_maker *m, struct scope *s, struct format_record *r)
{
    struct evaluation *e = m->evaluation;
    struct slice text = m->rule->hops == NULL ? slice_of("") : lasting_text(m, s, m->rule->hops);
    struct slice *hops = arena_alloc(e->arena, (text.len / 2 + 1) * sizeof *hops);
    if (hops == NULL) {
        evaluate_fault_memory(e, m->rule->place);
        return;
    }
    r->hops = hops;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && !is_blank(text.at[end])) {
            end++;
        }
        if (end > i) {
            hops[r->hop_count++] = (struct slice){text.at + i, end - i};
        }
        i = end + 1;
    }
}

/* A text under a name that tells a unit stays one: no grading compares it. */
static void remark_on_text(struct scope *s, const struct metric_rule *metric, struct slice text)
{
    const char *unit;
    struct number number;
    struct format_value v = value_of_text(text);
    if (s->evaluation->remarking && unit_in_name(metric->name, &unit) && unit != NULL &&
        number_parse(text, &number) == -1) {
        evaluate_remark(s, metric->value, "a number, since its name tells a unit", &v);
    }
}

static void make_metrics(struct record_maker *m, struct scope *s, struct format_record *r)
{
    struct evaluation *e = m->evaluation;
    const struct record_rule *rule = m->rule;
    struct slice *names = arena_alloc(e->arena, (rule->metric_count + 1) * sizeof *names);
    struct slice *values = arena_alloc(e->arena, (rule->metric_count + 1) * sizeof *values);
    if (names == NULL || values == NULL) {
        evaluate_fault_memory(e, rule->place);
        return;
    }
    r->names = names;
    r->values = values;
    for (uint32_t i = 0; i < rule->metric_count && e->fault == NULL; i++) {
        e->remark = NULL;
        struct slice text = lasting_text(m, s, rule->metrics[i].value);
        if (text.at != NULL) {
            e->remark = NULL;
            remark_on_text(s, &rule->metrics[i], text);
            names[r->metric_count] = rule->metrics[i].name;
            values[r->metric_count++] = text;
        }
        keep_remark(m);
    }
}

/* The record of the element that the scope is at. */
static void make_record(void *context, struct scope *s)
{
    struct record_maker *m = context;
    struct evaluation *e = m->evaluation;
    const struct record_rule *rule = m->rule;
    const struct format_remark **remarks_end = m->remarks_end;
    m->element += rule->level_count > 0;
    if (e->mapping->variable_count > 0) { /* those of the element before are none of this one's */
        memcpy(s->variables, e->remembered, e->mapping->variable_count * sizeof *s->variables);
    }
    if (e->fault == NULL && rule->condition != NULL && !evaluate_condition(s, rule->condition) &&
        e->fault == NULL) {
        return;
    }
    for (uint32_t i = 0; i < rule->variable_count && e->fault == NULL; i++) {
        e->of_receipt = false;
        e->remark = NULL;
        struct format_value v = evaluate(s, rule->variables[i].value);
        if (v.kind == VALUE_NONE) {
            keep_remark(m);
        }
        v.of_receipt = e->of_receipt;
        s->variables[rule->variables[i].variable] = v;
    }
    struct format_record *r = e->fault == NULL ? next_record(m) : NULL;
    if (r != NULL) {
        *r = (struct format_record){.start_us = 0};
        make_dimensions(m, s, r);
        make_times(m, s, r);
        make_hops(m, s, r);
        make_metrics(m, s, r);
    }
    if (e->fault == NULL) {
        m->outcome->count++;
    } else {
        keep_fault(m);
        *remarks_end = NULL;
        m->remarks_end = remarks_end;
    }
}

/* ---- a document ---- */

static void begin_scope(struct evaluation *e, const struct json *document,
                        struct format_value *variables, struct scope *s)
{
    s->evaluation = e;
    s->document = document;
    s->depth = 0;
    s->variables = variables;
}

static void follow_rules(struct record_maker *m, const struct record_rule *rules, uint32_t count,
                         struct scope *s, struct format_value *own)
{
    struct evaluation *e = m->evaluation;
    for (uint32_t i = 0; i < count && !e->beyond; i++) {
        m->rule = &rules[i];
        m->element = 0;
        s->variables = e->remembered; /* `when` and `each` know what is remembered, `let` does not
                                         hold yet */
        bool holds = m->rule->when == NULL || evaluate_condition(s, m->rule->when);
        if (holds && e->fault == NULL) {
            if (e->mapping->variable_count > 0) {
                memcpy(own, e->remembered, e->mapping->variable_count * sizeof *own);
            }
            s->variables = own;
            evaluate_elements(s, m->rule, make_record, m);
        }
        if (e->fault != NULL) {
            keep_fault(m);
        }
    }
}

static bool any_holds(struct scope *s, const struct format_condition *const *conditions,
                      uint32_t count)
{
    bool holds = false;
    for (uint32_t i = 0; i < count && !holds; i++) {
        holds = evaluate_condition(s, conditions[i]);
    }
    return holds;
}

/* Too much of it, or nothing that a rule takes: the document is a fault as a whole. */
static void refuse_document(struct record_maker *m, struct scope *s)
{
    struct evaluation *e = m->evaluation;
    m->element = 0; /* of the document itself */
    if (e->beyond && !m->given_up) {
        m->outcome->count = 0;
        m->outcome->remarks = NULL;
    } else if (m->outcome->count == 0 && m->fault_count == 0 &&
               !any_holds(s, e->mapping->may_be_empty, e->mapping->may_be_empty_count)) {
        evaluate_fault(e, NULL,
                       "expected a document that one of the mapping's rules takes, or that "
                       "it says to ignore; found none that holds");
        keep_fault(m);
    }
}

void evaluate_records(struct evaluation *e, const struct json *document,
                      const struct record_rule *rules, uint32_t count,
                      struct format_outcome *outcome)
{
    struct record_maker m = {.evaluation = e,
                             .outcome = outcome,
                             .faults_end = &outcome->faults,
                             .remarks_end = &outcome->remarks};
    struct scope s;
    struct format_value *own = arena_calloc(e->arena, e->mapping->variable_count + 1, sizeof *own);
    if (own == NULL) {
        evaluate_fault_memory(e, NULL);
        e->beyond = true;
        keep_fault(&m);
        return;
    }
    begin_scope(e, document, e->remembered, &s);
    if (document->type >= JSON_ARRAY) {
        follow_rules(&m, rules, count, &s, own);
    }
    s.variables = e->remembered;
    refuse_document(&m, &s);
}
