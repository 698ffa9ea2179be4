#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mapping language as a specification that runs: evaluate.py FOLDER prints the records of a sample; evaluate.py --check
compares all folders beside it with their expected.json, which were written by hand.

Arithmetic is exact (Fraction). It is not fast, it is no model of style, and it is lenient where it does not matter: it stops at the
first fault, and takes things for numbers, times and durations that the product refuses. README.md beside it says where.
"""
import datetime
import decimal
import email.utils
import glob
import ipaddress
import json
import os
import re
import sys
from decimal import Decimal
from fractions import Fraction as F


# ---- decoders: text -> list of documents ----


class Num(str):
    """A number, as the text it came with."""


class Dup(list):
    """The values of a key that stood twice."""


class Unmatched(Exception):
    """A line that no pattern takes, a document that no rule takes."""


IGN = [0]  # lines and documents passed over in this run


def pairs_hook(mode):

    def h(ps):
        o = {}
        for k, v in ps:
            if k in o:
                if mode == 'list':
                    o[k] = o[k] if isinstance(o[k], Dup) else Dup([o[k]])
                    o[k].append(v)
                    continue
                if mode == 'first':
                    continue
                if mode == 'refuse':
                    raise ValueError('key twice: ' + k)
            o[k] = v
        return o
    return h


def dec_json(text, opt):
    if opt.get('nan') == 'null':
        text = re.sub(r'(:\s*|[\[,]\s*)-?(?:nan|NaN|inf|Infinity)(?=\s*[,}\]])', r'\1null', text)
    d = json.JSONDecoder(object_pairs_hook=pairs_hook(opt.get('duplicates', 'refuse')),
                         parse_float=Num, parse_int=Num)
    i, out = (0, [])
    while True:
        m = re.compile(r'\s*').match(text, i)
        i = m.end()
        if i >= len(text):
            break
        v, i = d.raw_decode(text, i)
        out += v if isinstance(v, list) else [v]
    return out


KIND = {'name': '[A-Za-z0-9-]+', 'word': r'[^\s]+', 'int': r'-?\d+', 'num': r'-?[\d.]+', 'rest': '.*', 'host': r'[^\s()]+'}


def dissect(p):
    """A pattern as a regular expression: literal text, {name:kind}, [optional part]; a blank is a run of blanks."""
    out = ''
    i = 0
    while i < len(p):
        ch = p[i]
        if ch == '{':
            j = p.index('}', i)
            n, _, k = p[i + 1:j].partition(':')
            k = KIND[k or 'word']
            out += f'(?P<{n}>{k})' if n else f'(?:{k})'
            i = j
        elif ch == '\\':
            i += 1
            out += re.escape(p[i])
        elif ch == '[':
            out += '(?:'
        elif ch == ']':
            out += ')?'
        elif ch == ' ':
            out += r'[ \t]+'
        else:
            out += re.escape(ch)
        i += 1
    return out


def dec_lines(text, opt):
    out = []
    for line in text.splitlines():
        for p in opt['patterns']:
            m = re.match(dissect(p) + '$', line)
            if m:
                out.append({k: v.split(opt['split'][k]) if k in opt.get('split', {}) else v
                            for k, v in m.groupdict().items() if v is not None})
                break
        else:
            if any((re.match(dissect(p) + '$', line) for p in opt.get('ignore', []))):
                IGN[0] += 1
            elif line.strip():
                raise Unmatched(line)
    return out


def dec_blocks(text, opt):
    out = []
    cur = None
    for line in text.splitlines():
        bs = opt['begin'] if isinstance(opt['begin'], list) else [opt['begin']]
        m = next((m for m in (re.match(dissect(b), line) for b in bs) if m), None)
        if m:
            cur = {k: v for k, v in m.groupdict().items() if v is not None}
            out.append(cur)
            continue
        if cur is None:
            if line.strip() and opt.get('strict') and (
                    not any((re.match(dissect(p), line) for p in opt.get('ignore', [])))):
                raise Unmatched(line)
            continue
        for p in opt['lines']:
            into = p.get('into') if isinstance(p, dict) else None
            m = re.match(dissect(p['pattern'] if isinstance(p, dict) else p), line)
            if m and into:
                cur.setdefault(into, []).append({k: v.split(opt['split'][k]) if k in opt.get('split', {}) else v
                                                 for k, v in m.groupdict().items() if v is not None})
                break
            if m:
                for k, v in m.groupdict().items():
                    if v is None:
                        continue
                    if k.endswith('_first'):
                        cur.setdefault(k, v)
                    else:
                        cur[k] = v
                break
    return out


LAB = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def dec_prom(text, opt):
    s = []
    for line in text.splitlines():
        if not line or line[0] == '#':
            continue
        m = re.match(r'(\w+)(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d+))?$', line)
        if not m:
            raise Unmatched(line)
        s.append({'name': m[1], 'labels': dict(LAB.findall(m[2] or '')), 'value': Num(m[3]),
                  **({'ms': Num(m[4])} if m[4] else {})})
    return [{'samples': s}]


def dec_influx(text, opt):
    out = []
    for line in text.splitlines():
        if not line or line[0] == '#':
            continue
        parts = re.split(r'(?<!\\) ', line)
        un = lambda x: re.sub(r'\\([ ,=])', r'\1', x)
        head = re.split(r'(?<!\\),', parts[0])
        tags = dict((map(un, re.split(r'(?<!\\)=', t, 1)) for t in head[1:]))
        fields = {}
        for f in re.findall(r'((?:[^,=\\]|\\.)+)=("(?:[^"\\]|\\.)*"|[^,]*)', parts[1]):
            v = f[1]
            fields[un(f[0])] = v[1:-1] if v[:1] == '"' else Num(re.sub('[iu]$', '', v))
        out.append({'name': un(head[0]), 'tags': tags, 'fields': fields,
                    **({'timestamp': Num(parts[2])} if len(parts) > 2 else {})})
    return out


DEC = {'json': dec_json, 'lines': dec_lines, 'blocks': dec_blocks, 'prometheus': dec_prom, 'influx': dec_influx}


# ---- paths ----

STEP = re.compile(r"\.([\w-]+)|\['([^']*)'\]|\[(-?\d+)\]|(\[\*\]|\.\*)|\[\?([\w-]+)(<|>|=|!=)([^\]]*)\]")


def walk(nodes, steps):
    for m in STEP.finditer(steps):
        name = m[1] if m[1] is not None else m[2]
        nxt = []
        for n in nodes:
            if name is not None:
                if isinstance(n, dict) and name in n:
                    nxt.append(n[name])
            elif m[3] is not None:
                if isinstance(n, list) and -len(n) <= int(m[3]) < len(n):
                    nxt.append(n[int(m[3])])
            elif m[4] is not None:
                nxt += n if isinstance(n, list) else list(n.values()) if isinstance(n, dict) else []
            else:
                for e in n if isinstance(n, list) else []:
                    v = e.get(m[5]) if isinstance(e, dict) else None
                    if v is None:
                        continue
                    if m[6] in '<>':
                        ok = F(v) < F(m[7]) if m[6] == '<' else F(v) > F(m[7])
                    else:
                        ok = (str(v) == m[7]) == (m[6] == '=')
                    if ok:
                        nxt.append(e)
        nodes = nxt
    return nodes


def select(p, c):
    m = re.match(r'(\$|@(\d*)|%(\w+)|#(\w+)|~)', p)
    root = m[1]
    rest = p[m.end():]
    if root == '$':
        n = [c['doc']]
    elif root[0] == '@':
        st = c['at']
        n = [st[int(m[2])] if m[2] else st[-1]] if st else [c['doc']]
    elif root[0] == '%':
        n = [c['let'][m[3]]] if c['let'].get(m[3]) is not None else []
    elif root[0] == '#':
        n = [c['ctx'][m[4]]] if m[4] in c['ctx'] else []
    else:
        n = [c['key']]
    return walk(n, rest)


# ---- values ----

NUM = re.compile(r'[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$')


def num(v):
    if isinstance(v, F):
        return v
    if v is None or isinstance(v, (dict, list)):
        return None
    if isinstance(v, bool):
        return F(int(v))
    s = str(v)
    return F(Decimal(s)) if NUM.match(s) else None


def text(v):
    if isinstance(v, bool):
        return '1' if v else '0'
    if isinstance(v, F):
        d = v.denominator
        while d % 2 == 0:
            d //= 2
        while d % 5 == 0:
            d //= 5
        if d != 1:
            n = round(v * 10 ** 6)
            v = F(n, 10 ** 6)
        return format(exact(v), 'f')
    return str(v)


def exact(v):
    with decimal.localcontext() as k:
        k.prec = 60
        d = Decimal(v.numerator) / Decimal(v.denominator)
    s = format(d, 'f')
    return Decimal(s.rstrip('0').rstrip('.') if '.' in s else s)


UNIT = {'s': F(1), 'ms': F(1, 1000), 'us': F(1, 10 ** 6), 'ns': F(1, 10 ** 9), 'percent': F(1, 100), 'ratio': F(1),
        'bps': F(1), 'kbps': F(1000), 'Mbps': F(10 ** 6), 'Byte/s': F(8), 'B': F(1)}


def dur(s):
    m = re.match(r'(-?)P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$', s)
    if not m:
        return None
    g = [F(Decimal(x)) if x else F(0) for x in m.groups()[1:]]
    t = g[0] * 86400 + g[1] * 3600 + g[2] * 60 + g[3]
    return -t if m[1] else t


def agg(kind, vs):
    vs = [x for x in map(num, vs) if x is not None]
    if kind == 'count':
        return F(len(vs))
    if not vs:
        return None
    if kind == 'min':
        return min(vs)
    if kind == 'max':
        return max(vs)
    if kind == 'sum':
        return sum(vs)
    if kind == 'mean':
        return sum(vs) / len(vs)
    if kind == 'median':
        vs = sorted(vs)
        n = len(vs)
        return vs[n // 2] if n % 2 else (vs[n // 2 - 1] + vs[n // 2]) / 2
    return vs[0] if kind == 'first' else vs[-1]


def hist(h, stat):
    it = sorted(((num(k), num(v)) for k, v in h.items()))
    n = sum((v for _, v in it))
    if n == 0:
        return None
    if stat == 'count':
        return n
    if stat == 'min':
        return it[0][0]
    if stat == 'max':
        return it[-1][0]
    if stat == 'mean':
        return sum((k * v for k, v in it)) / n
    want = F(int(stat[1:]), 100) * n
    run = F(0)
    for k, v in it:
        run += v
        if run >= want:
            return k


def ev(e, c):
    if e is None or isinstance(e, (int, F)):
        return e if not isinstance(e, int) else F(e)
    if isinstance(e, str):
        if e[:1] in '$@%#~' and e:
            r = select(e, c)
            return r[0] if r and r[0] is not None and not isinstance(r[0], dict) else None
        return e
    v = None
    if 'path' in e:
        for p in [e['path']] if isinstance(e['path'], str) else e['path']:
            r = select(p, c)
            r = [x for x in r if x is not None and x != '']
            if r:
                v = r[0]
                break
    elif 'first' in e:
        for x in e['first']:
            v = ev(x, c)
            if v is not None:
                break
    elif 'const' in e:
        v = e['const']
    elif 'text' in e:
        miss = []

        def sub(m):
            x = ev(m[1], c)
            if x is None:
                miss.append(1)
                return ''
            return text(x)
        v = re.sub(r'\{([^}]*)\}', sub, e['text'])
        v = None if miss else v
    elif 'agg' in e:
        ns = select(e['of'], c)
        if 'where' in e:
            ns = [n for n in ns if cond(e['where'], {**c, 'at': c['at'] + [n]})]
        if 'value' in e:
            ns = [x for n in ns for x in walk([n], e['value'])]
        v = F(len(ns)) if e['agg'] == 'length' else agg(e['agg'], ns)
    elif 'join' in e:
        xs = [x for x in select(e['join'], c) if x is not None]
        v = e.get('with', ' ').join((e.get('each', '{@}').replace('{@}', text(x)) for x in xs)) if xs else None
    elif 'hops' in e:  # one label a hop, gaps filled
        got = {}
        for h in select(e['hops'], c):
            i = walk([h], e['index'])[0] if e.get('index') else len(got) + 1
            vs = [x for x in walk([h], e['value']) if x is not None]
            got.setdefault(int(i), vs[0] if vs else e['gap'])
        v = ' '.join((str(got.get(i, e['gap'])) for i in range(
            int(num(ev(e['from'], c)) or 1) if 'from' in e and got else min(got),
            max(got) + 1))) if any((x != e['gap'] for x in got.values())) else None
    elif 'sub' in e or 'div' in e or 'add' in e:
        op = [k for k in ('sub', 'div', 'add') if k in e][0]
        a, b = [num(ev(x, c)) for x in e[op]]
        v = (None if a is None or b is None or (op == 'div' and b == 0)
             else a - b if op == 'sub' else a + b if op == 'add' else a / b)
    elif 'hist' in e:
        r = select(e['hist'], c)
        v = hist(r[0], e['stat']) if r else None
    elif 'test' in e:
        v = F(1) if cond(e['test'], c) else F(0)
    elif 'if' in e:
        v = ev(e['then'], c) if cond(e['if'], c) else ev(e.get('else'), c)
    if v is not None and 'after' in e:
        x = text(v)
        v = x[x.index(e['after']) + len(e['after']):] if e['after'] in x else None
    if v is not None and 'before' in e:
        x = text(v)
        v = x[:x.index(e['before'])] if e['before'] in x else x
    if v is not None and 'between' in e:
        a, b = e['between']
        x = text(v)
        i = x.rfind(a)
        j = x.find(b, i + len(a)) if i >= 0 else -1
        v = x[i + len(a):j] if j >= 0 else None
    if v is not None and e.get('host'):
        x = text(v)
        v = x[1:x.index(']')] if x[:1] == '[' and ']' in x else x.rsplit(':', 1)[0] if x.count(':') == 1 else x
    if v is not None and e.get('number'):
        v = v if NUM.match(text(v)) else None
    if v is not None and 'prefix' in e:
        v = e['prefix'] + text(v)
    if v is not None and 'null' in e and (text(v) in e['null']):
        v = None
    if v is not None and e.get('duration'):
        v = dur(v)
    if v is not None and 'unit' in e:
        a, b = e['unit']
        if a[:1] in '$@':
            a = e['units'].get(text(ev(a, c)))
        n = num(v)
        v = None if n is None or a is None else n * UNIT[a] / UNIT[b]
    if v is not None and 'times' in e:
        n = num(v)
        v = None if n is None else n * F(Decimal(str(e['times'])))
    if v is not None and 'valid' in e:
        n = num(v)
        lo, hi = e['valid']
        v = None if n is None or (lo is not None and n < F(Decimal(str(lo)))) or (
            hi is not None and n > F(Decimal(str(hi)))) else v
    if v is not None and 'clamp' in e:
        n = num(v)
        lo, hi = e['clamp']
        v = n if lo is None or n >= lo else F(lo)
    if v is not None and 'map' in e:
        v = e['map'].get(text(v), e.get('else', v if not e.get('strict') else None))
    if v is None and 'default' in e:
        v = ev(e['default'], c)
    return v


def cond(k, c):
    if 'all' in k:
        return all((cond(x, c) for x in k['all']))
    if 'any' in k:
        return any((cond(x, c) for x in k['any']))
    if 'not' in k:
        return not cond(k['not'], c)
    if 'has' in k:
        return any((x is not None for x in select(k['has'], c)))
    if 'contains' in k:
        w = ev(k['contains'][1], c)
        return any((text(x) == text(w) for x in select(k['contains'][0], c)
                    if x is not None and (not isinstance(x, (dict, list)))))
    if 'in' in k:
        v = ev(k['in'][0], c)
        return v is not None and text(v) in k['in'][1]
    op = [o for o in ('eq', 'ne', 'lt', 'gt') if o in k][0]
    a, b = [ev(x, c) for x in k[op]]
    if a is None or b is None:
        return op == 'ne'
    na, nb = (num(a), num(b))
    if na is not None and nb is not None:
        return {'eq': na == nb, 'ne': na != nb, 'lt': na < nb, 'gt': na > nb}[op]
    return {'eq': text(a) == text(b), 'ne': text(a) != text(b)}.get(op, False)


# ---- times: microseconds ----


def ts(e, c):
    if isinstance(e, str):
        e = {'time': e}
    for alt in e.get('first', []):
        r = ts(alt, c)
        if r is not None:
            return r
    t = None
    if 'epoch' in e:
        v = num(ev(e['epoch'], c))
        u = e.get('unit', 's')
        if u == 'auto' and v is not None:
            u = 's' if v < 10 ** 11 else 'ms' if v < 10 ** 14 else 'us' if v < 10 ** 17 else 'ns'
        t = None if v is None else v * UNIT[u] * 10 ** 6
    elif 'split' in e:
        a, b = [num(ev(x, c)) for x in e['split']]
        t = None if a is None else (a + (b or 0) * F(1, 10 ** 6)) * 10 ** 6
    elif 'rfc2822' in e:
        v = ev(e['rfc2822'], c)
        t = None if v is None else F(int(email.utils.parsedate_to_datetime(v).timestamp())) * 10 ** 6
    elif 'time' in e:
        v = ev(e['time'], c)
        if v is not None:
            m = re.match(r'(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)'
                         r'(?:\.(\d+))?\s*(Z|[+-]\d\d(?::?\d\d)?)?$', v)
            if m:
                d = datetime.datetime(*map(int, m.groups()[:6]), tzinfo=datetime.timezone.utc)
                t = F(int(d.timestamp())) * 10 ** 6 + F(int(((m[7] or '') + '000000')[:6]))
                z = m[8]
                if z and z != 'Z':
                    z = z.replace(':', '')
                    z = z if len(z) == 5 else z + '00'
                    t -= (1 if z[0] == '+' else -1) * (int(z[1:3]) * 3600 + int(z[3:5]) * 60) * 10 ** 6
    if t is not None and 'plus' in e:
        p = num(ev(e['plus'], c))
        t = t + (p or 0) * 10 ** 6
    return None if t is None else t.numerator // t.denominator


def tt(us):
    d = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    return d.strftime('%Y-%m-%d %H:%M:%S.%f')


def addr(s):
    try:
        return str(ipaddress.ip_address(s))
    except ValueError:
        return s


# ---- iteration ----


def each(rule, c, at, keys):
    """The stack of elements that a rule is applied to."""
    es = rule.get('each', [])
    es = [es] if isinstance(es, (str, dict)) else es

    def rec(i, at, key):
        if i == len(es):
            yield (at, key)
            return
        s = es[i]
        cc = {**c, 'at': at, 'key': key}
        if isinstance(s, str):
            for n in select(s, cc):
                yield from rec(i + 1, at + [n], key)
        elif 'zip' in s:  # names beside values: an object
            names = select(s['zip'][0], cc)
            for vals in select(s['zip'][1], cc):
                yield from rec(i + 1, at + [dict(zip(names[0], vals))], key)
        elif 'group' in s:  # samples with labels: objects
            g = {}

            def samples():
                for smp in select(s['group'], cc):
                    if 'series' in s:
                        for pt in walk([smp], s['series']):
                            yield (smp, pt)
                    else:
                        yield (smp, smp)
            for smp, pt in samples():
                lab = smp.get(s.get('labels', 'labels'), {})
                nm = smp.get('name') or lab.get('__name__')
                for l in s.get('into_name', []):
                    nm += '.' + lab[l] if l in lab else ''
                k = tuple(((l, lab[l]) for l in sorted(lab)
                           if l not in s.get('drop', []) + s.get('into_name', []) + ['__name__']))
                val = walk([pt], s['value'])[0]
                tim = walk([pt], s['time']) if 'time' in s else []
                kk = (k, str(tim[0])) if tim else (k, '')
                g.setdefault(kk, {'labels': dict(k), **({'time': tim[0]} if tim else {})})[nm] = val
            for o in g.values():
                yield from rec(i + 1, at + [o], key)
    yield from rec(0, at, keys)


def run(mapping, textin, ctx):
    out = []
    IGN[0] = 0
    mem = {}
    for doc in DEC[mapping['input']['decoder']](textin, mapping['input']):
        b0 = {'doc': doc, 'at': [], 'let': mem, 'ctx': ctx, 'key': None}
        for q in mapping.get('remember', []):
            if cond(q['when'], b0):
                mem[q['as']] = (select(q['path'], b0) or [None])[0]
        forget = [n for q in mapping.get('forget', []) if cond(q['when'], b0) for n in q['names']]
        if any((cond(k, b0) for k in mapping.get('ignore', []))):
            IGN[0] += 1
            for n in forget:
                mem.pop(n, None)
            continue
        before = len(out)
        for rule in mapping['records']:
            if isinstance(doc, dict) or isinstance(doc, list):
                base = {'doc': doc, 'at': [], 'let': dict(mem), 'ctx': ctx, 'key': None}
                if 'when' in rule and (not cond(rule['when'], base)):
                    continue
                for at, key in each(rule, base, [], None):
                    c = {**base, 'at': at, 'key': key, 'let': dict(mem)}
                    if 'if' in rule and (not cond(rule['if'], c)):
                        continue
                    for k, x in {**mapping.get('let', {}), **rule.get('let', {})}.items():
                        c['let'][k] = ev(x, c)
                    r = {}
                    for d in ('type', 'content', 'probe', 'source', 'dest', 'path'):
                        v = ev(rule.get(d, mapping.get('defaults', {}).get(d)), c)
                        r[d] = '' if v is None else text(v)
                        if d in ('probe', 'source', 'dest'):
                            r[d] = addr(r[d])
                    st = ts(rule.get('start', mapping.get('defaults', {}).get('start')), c)
                    assert st is not None, ('no start', doc)
                    en = ts(rule['end'], c) if 'end' in rule else None
                    r['t_start'] = tt(st)
                    r['t_end'] = tt(st if en is None else en)
                    h = ev(rule['hops'], c) if 'hops' in rule else None
                    r['hops'] = text(h).split() if h is not None else []
                    ms = {}
                    for n, x in rule['metrics'].items():
                        v = ev(x, c)
                        if v is not None:
                            ms[n] = text(v)
                    r['metrics'] = ms
                    out.append(r)
        if len(out) == before and (not any((cond(k, b0) for k in mapping.get('may_be_empty', [])))):
            raise Unmatched(json.dumps(doc)[:200])
        for n in forget:
            mem.pop(n, None)
    return out


def load(d):
    f = [x for x in glob.glob(d + '/sample.*')][0]
    ctx = json.load(open(d + '/context.json')) if os.path.exists(d + '/context.json') else {}
    return (json.load(open(d + '/mapping.json')), open(f).read(), ctx)


if __name__ == '__main__':
    R = os.path.dirname(os.path.abspath(__file__))
    if sys.argv[1:] == ['--check']:
        bad = 0
        for d in sorted(glob.glob(R + '/*/')):
            try:
                got = run(*load(d))
                want = json.load(open(d + '/expected.json'))
            except Exception as x:
                print('FAIL', os.path.basename(d.rstrip('/')), type(x).__name__, x)
                bad += 1
                continue
            if got != want:
                bad += 1
                print('DIFF', os.path.basename(d.rstrip('/')), len(got), 'got', len(want), 'wanted')
                for i in range(max(len(got), len(want))):
                    g = got[i] if i < len(got) else None
                    w = want[i] if i < len(want) else None
                    if g != w:
                        if g and w:
                            for k in w:
                                if g[k] != w[k]:
                                    print('   ', i, k, 'got', g[k], 'want', w[k])
                        else:
                            print('   ', i, 'got', g, 'want', w)
            else:
                print('ok  ', os.path.basename(d.rstrip('/')), len(got), 'records', IGN[0], 'ignored')
        print('bad', bad)
        sys.exit(bad > 0)
    print(json.dumps(run(*load(sys.argv[1])), indent=1))
