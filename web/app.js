/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of all pages: which page an address means, what a page is given (`view`), navigation,
 * criteria, errors, who asks. Pages are modules of pages/ that are loaded when they are wanted first:
 *   title            a word or two
 *   bar              optional: {time: false} of a page that has no range, {series: false} of one that is about no series, `grades`
 *                    the preset of the range of grades; or false: no criteria at all
 *   range            optional: the range where the address has none, as "24h"
 *   own              optional: what else its address may have, see ignoredIn() of criteria.js
 *   show(main, view) draws into the empty element `main`; what it throws, also later, is shown
 */
import * as api from "./api.js";
import { AddressError, checkAddress, criteriaBar, criteriaIn, ignoredIn, questionOf, rangeOf } from "./criteria.js";
import { fill, h } from "./dom.js";
import { failed as fails, fails as anyFails, forget } from "./failing.js";
import { markHealth, statusIs, watchFor } from "./health_watch.js";
import { follow } from "./shared_follow.js";
import { tools } from "./tools.js";

const pages = {
    now: { word: "Now" },
    timeline: { word: "Timeline", draws: true },
    grid: { word: "Grid", draws: true },
    series: { word: "Series", draws: true },
    events: { word: "Events" },
    thresholds: { word: "Thresholds" },
    health: { word: "Health" },
    "sign-in": { word: "Sign in", hidden: true },
    login: { word: "Sign in by a link", hidden: true },
};

const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const ignored = document.getElementById("ignored");
const reloadedKey = "ezrepo.reloaded"; /* of the session's storage: when, since a module could not be loaded */
const reloadEvery = 30000; /* ms */
let leave = () => {};

/* "/" is Now; null where there is no such page. */
function pageOf(path) {
    const name = path === "/" ? "now" : path.slice(1);
    return Object.hasOwn(pages, name) ? name : null;
}

/* Pages for whom nobody knows yet. */
const signsIn = page => page === "sign-in" || page === "login";

export function addressOf(page, parameters) {
    const text = api.query(parameters ?? {}).toString();
    return `/${page}${text ? "?" + text : ""}`;
}

/* Another page, or the same with other parameters (a URLSearchParams or an object). replace: Back does not lead here. */
export function go(page, parameters, { replace = false } = {}) {
    history[replace ? "replaceState" : "pushState"](null, "", addressOf(page, parameters));
    show();
}

/* D3 is a classic script that defines `d3`; only pages that draw wait for it. */
let drawing = null;
function d3Loaded() {
    drawing ??= new Promise((resolve, reject) => {
        document.head.append(h("script", { src: "/d3.js", onload: resolve,
            onerror: () => { drawing = null; reject(new Error("/d3.js cannot be loaded")); } }));
    });
    return drawing;
}

function tell(error) {
    fill(trouble, h("strong", {}, error instanceof AddressError ? "The address is at fault: " : error instanceof api.ApiError ? "The question failed: " : "The page failed: "),
        error.message, error.status ? ` (${error.status} ${error.reason})` : "");
    trouble.hidden = false;
    if (error.label || !(error instanceof api.ApiError || error instanceof AddressError))
        fails(error.label ?? "the page");
    if (!(error instanceof api.ApiError || error instanceof AddressError))
        console.error(error);
}

/* What to do about a failed question: who is not known signs in, all else is told. */
function failed(error) {
    if (error.name === "AbortError" || (error.status === 401 && signsIn(pageOf(location.pathname))))
        return;
    if (error.status === 401)
        who.isNobody();
    if (error.status === 401)
        go("sign-in", { then: location.pathname + location.search }, { replace: true });
    else
        tell(error);
}

/*
 * What a page has, until it is left:
 *   page, parameters       its name, and the address's query, a URLSearchParams
 *   question(more)         the criteria and range in the address as parameters of a question, and `more` over them
 *   range()                {from, to}: Dates; of the address, or of the page's `range`; null: past ... future
 *   go(page, parameters, {replace}), address(page, parameters)
 *   ask(label, parameters) the answer; aborted, and never settled, when the page is left
 *   follow(parameters, onRows, onState)  changes, see api.js; shared with other windows
 *   askTexts(label, parameters)  see api.js; the same as ask()
 *   change(label, body, onDone)  as ask(), but it is not aborted: what is sent is done; onDone(answer) also when the page was left
 *   attempt(label, body, signal)  as change(), of what changes nothing: aborted by the signal, and when the page is left
 *   publishers(), status(), underWay()  see api.js
 *   every(ms, fn)          fn is called all that time while the page is seen
 *   onLeave(fn)
 *   run(promise)           an error of it is shown; for what no one awaits
 *   tell(error)            shows an error; tell(null) none
 *   keep(parameters)       the address has these from now on, and the page stays as it is
 *   who()                  who asks, as api.me() has it
 *   signedOut()            whether it is known that nobody asks
 */
function viewOf(page, module, parameters) {
    const gone = new AbortController();
    const left = [];
    const untilGone = async asked => {
        try {
            const answer = await asked;
            return gone.signal.aborted ? await new Promise(() => {}) : answer;
        } catch (error) {
            if (gone.signal.aborted)
                return new Promise(() => {});
            throw error;
        }
    };
    const view = {
        page, parameters, go, address: addressOf,
        range: () => rangeOf(view.parameters, module.range),
        question: more => questionOf(view.parameters, module, more),
        onLeave: fn => left.push(fn),
        run: promise => Promise.resolve(promise).catch(error => {
            if (gone.signal.aborted)
                return;
            if (error.status === 400 && main.querySelector("h1")?.textContent.startsWith("Asking"))
                nothing(module, "the question is at fault");
            failed(error);
        }),
        tell: error => gone.signal.aborted || (error ? failed(error) : (trouble.hidden = true)),
        who: () => who.known(),
        signedOut: () => who.nobody,
        keep(next) {
            view.parameters = new URLSearchParams(api.query(next));
            history.replaceState(null, "", addressOf(page, view.parameters));
            navigation(page, view.parameters);
            const form = document.getElementById("criteria");
            if (!form.contains(document.activeElement))
                criteriaBar(form, view, module);
        },
        every(ms, fn) {
            const timer = setInterval(() => document.visibilityState === "hidden" || view.run((async () => fn())()), ms);
            left.push(() => clearInterval(timer));
        },
        follow(given, onRows, onState) {
            left.push(follow(given, onRows, onState));
        },
        ask: (label, given) => untilGone(api.ask(label, given, { signal: gone.signal })),
        askTexts: (label, given) => untilGone(api.askTexts(label, given, { signal: gone.signal })),
        change: (label, body, onDone = () => {}) => untilGone(api.change(label, body).then(answer => (onDone(answer), answer))),
        attempt: (label, body, signal) => untilGone(api.change(label, body, { signal: AbortSignal.any([gone.signal, signal]) })),
        underWay: () => untilGone(api.underWay({ signal: gone.signal })),
        publishers: () => untilGone(api.publishers({ signal: gone.signal })),
        async status() {
            const answer = await api.status({ signal: gone.signal });
            statusIs(answer);
            return gone.signal.aborted ? new Promise(() => {}) : answer;
        },
    };
    leave = () => {
        gone.abort();
        left.forEach(fn => fn());
        leave = () => {};
    };
    return view;
}

function navigation(current, parameters) {
    const kept = criteriaIn(parameters);
    fill(document.getElementById("pages"), h("ul", {}, Object.entries(pages).filter(([, page]) => !page.hidden).map(([name, page]) =>
        h("li", {}, h("a", { href: addressOf(name, kept),
            "aria-current": name === current ? "page" : null, "data-page": name }, page.word)))));
    marked();
}

const marked = markHealth(() => document.querySelector("#pages [data-page=health]"));

async function load(name) {
    const [module] = await Promise.all([import(`./pages/${name}.js`), pages[name].draws ? d3Loaded() : null]);
    return module;
}

/* Nothing of the page before stays while the server is away; `again` once it answers. Browsers keep that a module could not be loaded:
 * then the whole page is loaded again. */
function awaitServer(again) {
    leave();
    trouble.hidden = true;
    fill(main, h("h1", {}, "EZRepo does not answer; trying again"), h("p", { class: "empty" }, "This page is shown as soon as it does."));
    const look = () => {
        if (api.reached()) {
            document.removeEventListener("reachchange", look);
            again();
        }
    };
    document.addEventListener("reachchange", look);
    leave = () => {
        document.removeEventListener("reachchange", look);
        leave = () => {};
    };
}

/* Whether the server can be asked; whatever it answers. */
async function isThere() {
    await api.me().catch(() => {});
    return api.reached();
}

/* Who asks is asked once, and again when that changes; told beside the navigation and at the foot. */
const who = {
    answer: null,
    nobody: false, /* it was answered that nobody is known */
    known() {
        this.answer ??= api.me().then(one => (whoTold(one), one));
        this.answer.catch(error => { this.answer = null; error.status === 401 ? this.isNobody() : null; });
        return this.answer;
    },
    isNobody() {
        this.answer = null;
        this.nobody = true;
        whoTold(null);
    },
};

/* A person's name is short as it is; of other identities it is the last part. */
function nameOf(one) {
    return one.how === "session" || one.how === "proxy" ? one.identity : one.identity.split(".").at(-1);
}

function whoTold(one) {
    const out = async () => {
        await api.logout();
        document.dispatchEvent(new Event("whochange"));
        who.isNobody();
        go("sign-in");
    };
    watchFor(one?.may ?? []);
    fill(document.getElementById("who"), one ? [h("span", { class: "identity", title: `${one.identity}, by ${one.how}` }, nameOf(one)),
        one.how === "certificate" || one.how === "proxy" ? null : h("button", { type: "button", class: "quiet", onclick: () => out().catch(failed) }, "Sign out")]
        : h("a", { class: "quiet", href: "/sign-in" }, "Sign in"));
    fill(document.getElementById("foot"), one ? `EZRepo ${one.version}` : "EZRepo", " · times are UTC, local ones small beside them");
}

let shown = 0;
/* The page that the address means. */
async function show() {
    const turn = ++shown;
    leave();
    const name = pageOf(location.pathname);
    const parameters = new URLSearchParams(location.search);
    trouble.hidden = true;
    forget();
    navigation(name, parameters);
    fill(ignored).hidden = true;
    if (name === null) {
        fill(main, h("p", { class: "empty" }, "There is no such page. ", h("a", { href: "/now" }, "Now"), " tells what is bad."));
        return;
    }
    try {
        const module = await load(name);
        if (turn !== shown)
            return;
        document.title = `${module.title} · EZRepo`;
        main.className = `page-${name}`;
        fill(main);
        const view = viewOf(name, module, parameters);
        criteriaBar(document.getElementById("criteria"), view, module);
        tellIgnored(parameters, module);
        view.run((async () => {
            checkAddress(parameters, module);
            await module.show(main, view);
        })().catch(error => begun(error, turn, module)));
        if (!signsIn(name))
            who.known().catch(() => {}); /* the page's own question fails the same way, and is told */
    } catch (error) {
        if (turn !== shown)
            return;
        fill(main);
        const there = await isThere();
        if (turn !== shown)
            return;
        if (there && Date.now() - Number(sessionStorage.getItem(reloadedKey)) < reloadEvery)
            return tell(error);
        const reload = () => {
            sessionStorage.setItem(reloadedKey, Date.now());
            location.reload();
        };
        if (there)
            reload();
        else
            awaitServer(reload);
    }
}

/* What the address says and the page goes on without. */
function tellIgnored(parameters, module) {
    const words = ignoredIn(parameters, module);
    fill(ignored, words.length ? `Ignored in the address: ${words.join("; ")}.` : "").hidden = words.length === 0;
}

/* What a page could not begin with: it has nothing to show. Others than these leave it as it is. */
function begun(error, turn, module) {
    if (turn === shown && error.status === 0 && !api.reached())
        return awaitServer(show);
    if (turn === shown && (error instanceof AddressError || error.status === 400 || error.status === 0))
        nothing(module, error.status === 0 ? "the answer to the question is none" : "the question is at fault");
    throw error;
}

function nothing(module, why) {
    fill(main, h("h1", {}, module.title), h("p", { class: "empty" }, `Nothing is shown, since ${why}; what is wrong with it stands above.`));
}

/* Links within the page do not load it again. */
function followLink(event) {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey ||
        link.target || link.hasAttribute("download"))
        return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || pageOf(url.pathname) === null || (url.hash && url.pathname === location.pathname))
        return;
    event.preventDefault();
    history.pushState(null, "", url);
    show();
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
}

document.addEventListener("failchange", () => { trouble.hidden ||= !anyFails(); });
document.addEventListener("whochange", () => { Object.assign(who, { answer: null, nobody: false }); });
window.addEventListener("popstate", show);
document.addEventListener("click", followLink);
tools(document.getElementById("tools"), { go, pages });
show();
