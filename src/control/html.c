/* SPDX-License-Identifier: Apache-2.0 */
/* html.c - a report as one HTML file; see html.h. */
#include "control/html.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/report.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define COLUMNS_MAX 12

enum cell {
	CELL_TEXT,
	CELL_MONO,
	CELL_TIME,
	CELL_NUMBER,
	CELL_ID,
	CELL_SIZE,
	CELL_LIST,
	CELL_STATE
};

struct column {
	const char *key;
	const char *head;
	enum cell kind;
	const char *empty; /* what stands there where there is none; NULL: a dash */
};

struct section {
	const char *part;
	const char *title;
	const char *intro; /* one sentence; NULL */
	const char *none;  /* where it has no rows */
	struct column columns[COLUMNS_MAX];
};

/* In the order they are printed. */
static const struct section sections[] = {
	{"evidence", "Evidence",
		"Hash totals are of the whole medium, computed when the evidence was added.",
		"No evidence was added.",
		{{"evidence", "Evidence", CELL_TEXT, NULL}, {"sha256", "SHA-256", CELL_MONO, NULL},
			{"sha1", "SHA-1", CELL_MONO, NULL}, {"md5", "MD5", CELL_MONO, NULL},
			{"added", "Added", CELL_TIME, NULL},
			{"released", "Released", CELL_TIME, "held"}}},
	{"grant", "Who was allowed and who was kept out",
		"Every grant and every exclusion that was ever made in the case. None is edited: "
		"it ends, or is revoked.",
		"Nothing was granted.",
		{{"id", "No.", CELL_ID, NULL}, {"kind", "Kind", CELL_STATE, NULL},
			{"who", "Who", CELL_TEXT, NULL}, {"rights", "Rights", CELL_LIST, NULL},
			{"path", "Where", CELL_MONO, "the whole case"},
			{"from", "From", CELL_TIME, NULL}, {"until", "Until", CELL_TIME, "no end"},
			{"by", "By", CELL_TEXT, NULL}, {"reason", "Reason", CELL_TEXT, NULL},
			{"revoked_at", "Revoked", CELL_TIME, NULL},
			{"revoked_by", "By", CELL_TEXT, NULL},
			{"revoke_reason", "Reason", CELL_TEXT, NULL}}},
	{"mark", "Privilege marks",
		"Suspected and confirmed traces are withheld from whoever lacks the right "
		"\xe2\x80\x9cprivileged\xe2\x80\x9d. Every mark that was given, in order.",
		"No trace was marked.",
		{{"id", "No.", CELL_ID, NULL}, {"state", "State", CELL_STATE, NULL},
			{"path", "Trace", CELL_MONO, "(withheld from who made this report)"},
			{"basis", "Basis", CELL_TEXT, NULL}, {"reason", "Reason", CELL_TEXT, NULL},
			{"by", "By", CELL_TEXT, NULL}, {"origin", "Origin", CELL_TEXT, NULL},
			{"at", "At", CELL_TIME, NULL}, {"seq", "Record", CELL_ID, NULL}}},
	{"mixed", "Containers with withheld and other members",
		"Archives and mail stores of which something is withheld and something is not: who "
		"may not see all of one cannot have it in one piece. Named for who may see all of "
		"them.",
		"None, or none that who made this report may be told of.",
		{{"path", "Container", CELL_MONO, NULL}}},
	{"unopened", "Containers that nobody has looked into",
		"Encrypted, broken, or over a limit: what is in them, or in a part of them, was "
		"neither searched nor withheld.",
		"None, or none that who made this report may be told of.",
		{{"path", "Container", CELL_MONO, NULL}, {"reason", "Why", CELL_TEXT, NULL}}},
	{"act", "The case and its evidence over time", NULL, "Nothing was done.",
		{{"at", "At", CELL_TIME, NULL}, {"act", "Act", CELL_TEXT, NULL},
			{"name", "What", CELL_TEXT, NULL}, {"who", "Who", CELL_TEXT, NULL},
			{"by", "By", CELL_TEXT, NULL}, {"reason", "Reason", CELL_TEXT, NULL},
			{"seq", "Record", CELL_ID, NULL}}},
	{"user", "Accesses by user",
		"Opens \xe2\x80\x9c"
		"by programs\xe2\x80\x9d are those of thumbnailers, indexers and "
		"sniffers of file types, going by the name of the executable.",
		"Nobody accessed anything.",
		{{"user", "User", CELL_TEXT, NULL}, {"uid", "Uid", CELL_ID, NULL},
			{"opens", "Opens", CELL_NUMBER, NULL},
			{"by_label", "by programs", CELL_NUMBER, NULL},
			{"lists", "Listings", CELL_NUMBER, NULL},
			{"reads", "Reads", CELL_NUMBER, NULL}, {"bytes", "Read", CELL_SIZE, NULL},
			{"refused", "Refused", CELL_NUMBER, NULL},
			{"first", "First", CELL_TIME, NULL}, {"last", "Last", CELL_TIME, NULL}}},
	{"trace", "Accesses by trace", "Those of which most was read come first.",
		"No trace was accessed.",
		{{"path", "Trace", CELL_MONO, NULL}, {"opens", "Opens", CELL_NUMBER, NULL},
			{"by_label", "by programs", CELL_NUMBER, NULL},
			{"lists", "Listings", CELL_NUMBER, NULL},
			{"bytes", "Read", CELL_SIZE, NULL}, {"users", "By", CELL_LIST, NULL},
			{"first", "First", CELL_TIME, NULL}, {"last", "Last", CELL_TIME, NULL}}},
	{"refused", "What was refused", NULL, "Nothing was refused.",
		{{"seq", "Record", CELL_ID, NULL}, {"time", "At", CELL_TIME, NULL},
			{"user", "User", CELL_TEXT, NULL}, {"type", "What", CELL_TEXT, NULL},
			{"path", "Trace", CELL_MONO, NULL}, {"exe", "Program", CELL_MONO, NULL}}},
};

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

struct html {
	struct buf body[SECTIONS]; /* rows of a table */
	uint64_t rows[SECTIONS];
	struct buf head;  /* rows of the table of the case */
	struct buf title; /* name of the case, escaped */
	struct buf tiles;
	struct buf verified; /* lines */
	struct buf verdict;
	struct buf untold;
	struct buf made;
	uint64_t traces; /* in all */
	uint64_t refused;
};

int html_new(struct html **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void html_free(struct html *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < SECTIONS; i++)
		buf_release(&h->body[i]);
	buf_release(&h->head);
	buf_release(&h->title);
	buf_release(&h->tiles);
	buf_release(&h->verified);
	buf_release(&h->verdict);
	buf_release(&h->untold);
	buf_release(&h->made);
	free(h);
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Bytes of any kind, as text of an HTML element or of a value in double quotes. */
static void put_text(struct buf *out, const void *p, size_t n)
{
	struct buf text = BUF_INIT;

	text_escape(&text, p, n);
	for (size_t i = 0; i < text.len; i++) {
		switch (text.data[i]) {
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		case '\'':
			buf_puts(out, "&#39;");
			break;
		default:
			buf_put_u8(out, text.data[i]);
		}
	}
	if (text.error)
		out->error = text.error;
	buf_release(&text);
}

static bool is_there(const struct row_field *f)
{
	return f && f->kind != ROW_NULL && !(f->kind == ROW_BYTES && cur_left(&f->v.bytes) == 0);
}

/* "12 345 678", with narrow spaces that do not break. */
static void put_number(struct buf *out, uint64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, v);

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			buf_puts(out, "\xe2\x80\xaf");
		buf_put_u8(out, (uint8_t)digits[i]);
	}
}

/* Whole seconds: records have the rest. */
static void put_time(struct buf *out, int64_t ns)
{
	char text[TEXT_TIME_MAX];
	char *t = NULL;

	text_time_rfc3339(ns / TEXT_NS_PER_SEC - (ns % TEXT_NS_PER_SEC < 0), TEXT_NSEC_NONE, text);
	t = strchr(text, 'T');
	if (t) {
		*t = '\0';
		t[strcspn(t + 1, "Z") + 1] = '\0';
	}
	buf_printf(out, "%s<wbr> %s", text, t ? t + 1 : "");
}

static void put_list(struct buf *out, const struct row_field *f)
{
	struct cur items = f->v.bytes;

	for (size_t i = 0; i < f->items; i++) {
		size_t n = 0;
		const uint8_t *p = cur_blob(&items, &n);

		if (i > 0)
			buf_puts(out, ", ");
		put_text(out, p ? p : (const uint8_t *)"", n);
	}
}

static void put_value(struct buf *out, const struct row_field *f, enum cell kind)
{
	char size[TEXT_SIZE_MAX];
	struct buf raw = BUF_INIT;

	if (f->kind == ROW_TIME_NS)
		put_time(out, f->v.i);
	else if (f->kind == ROW_U64 && kind == CELL_SIZE)
		buf_puts(out, text_size_human(f->v.u, size));
	else if (f->kind == ROW_U64 && kind == CELL_ID)
		buf_printf(out, "%" PRIu64, f->v.u);
	else if (f->kind == ROW_U64)
		put_number(out, f->v.u);
	else if (f->kind == ROW_LIST)
		put_list(out, f);
	else {
		row_cell(f, &raw);
		put_text(out, raw.data, raw.len);
		buf_release(&raw);
	}
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static const char *class_of(enum cell kind)
{
	switch (kind) {
	case CELL_MONO:
		return " class=\"m\"";
	case CELL_TIME:
		return " class=\"t\"";
	case CELL_NUMBER:
	case CELL_ID:
	case CELL_SIZE:
		return " class=\"n\"";
	default:
		return "";
	}
}

static void put_cell(struct buf *out, const struct column *c, const struct row *r)
{
	const struct row_field *f = row_get(r, c->key);

	buf_printf(out, "<td%s>", class_of(c->kind));
	if (!is_there(f) || (f->kind == ROW_LIST && f->items == 0)) {
		buf_printf(out, "<span class=\"none\">%s</span>",
			c->empty ? c->empty : "\xe2\x80\x93");
	} else if (c->kind == CELL_STATE) {
		buf_puts(out, "<span class=\"state ");
		put_value(out, f, c->kind); /* a word of ours */
		buf_puts(out, "\">");
		put_value(out, f, c->kind);
		buf_puts(out, "</span>");
	} else {
		put_value(out, f, c->kind);
	}
	buf_puts(out, "</td>");
}

static void put_row(struct html *h, size_t i, const struct row *r)
{
	struct buf *out = &h->body[i];

	buf_puts(out, "<tr>");
	for (const struct column *c = sections[i].columns;
		c < sections[i].columns + COLUMNS_MAX && c->key; c++)
		put_cell(out, c, r);
	buf_puts(out, "</tr>\n");
	h->rows[i]++;
}

static void put_pair(struct buf *out, const char *name, const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);

	if (!is_there(f))
		return;
	buf_printf(out, "<tr><th>%s</th><td>", name);
	put_value(out, f, CELL_TEXT);
	buf_puts(out, "</td></tr>\n");
}

static void take_case(struct html *h, const struct row *r)
{
	const struct row_field *name = row_get(r, "case");

	if (is_there(name))
		put_value(&h->title, name, CELL_TEXT);
	put_pair(&h->head, "Case", r, "case");
	put_pair(&h->head, "Title", r, "title");
	put_pair(&h->head, "Owner", r, "owner");
	put_pair(&h->head, "Privilege officer", r, "officer");
	put_pair(&h->head, "Created (UTC)", r, "created");
	put_pair(&h->head, "Closed (UTC)", r, "closed");
	put_pair(&h->head, "Containers with withheld and other members", r, "mixed_containers");
	put_pair(&h->head, "Containers that nobody has looked into", r, "unopened_containers");
	put_pair(&h->head, "Records in the log", r, "log_size");
	put_pair(&h->head, "Head of the log", r, "log_head");
	put_pair(&h->made, "Report made by", r, "made_by");
	put_pair(&h->made, "Made at (UTC)", r, "made_at");
}

static void put_tile(
	struct html *h, const char *name, const struct row *r, const char *key, enum cell kind)
{
	const struct row_field *f = row_get(r, key);

	buf_puts(&h->tiles, "<div class=\"tile\"><b>");
	if (is_there(f))
		put_value(&h->tiles, f, kind);
	buf_printf(&h->tiles, "</b>%s</div>\n", name);
}

static uint64_t number(const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);

	return f && f->kind == ROW_U64 ? f->v.u : 0;
}

static void take_total(struct html *h, const struct row *r)
{
	h->traces = number(r, "traces");
	h->refused = number(r, "refused");
	put_tile(h, "users", r, "users", CELL_NUMBER);
	put_tile(h, "traces accessed", r, "traces", CELL_NUMBER);
	put_tile(h, "opens", r, "opens", CELL_NUMBER);
	put_tile(h, "read", r, "bytes", CELL_SIZE);
	put_tile(h, "refused", r, "refused", CELL_NUMBER);
	put_tile(h, "records of the case", r, "records", CELL_NUMBER);
}

static void take_verdict(struct html *h, const struct row *r)
{
	static const char *const classes[] = {"good", "bad", "bad", "fair", "bad"};
	static const char *const words[] = {"The access log is intact, and complete up to a "
					    "checkpoint that was kept elsewhere.",
		"The access log was tampered with, or something is missing.", "",
		"The access log is intact. No checkpoint from outside was compared: how far it is "
		"complete is not shown by this report.",
		"The access log could not be checked."};
	uint64_t v = number(r, "verdict");
	const struct row_field *why = row_get(r, "why");

	if (v > 4)
		v = 4;
	buf_printf(&h->verdict, "<p class=\"verdict %s\">%s", classes[v], words[v]);
	if (is_there(why)) {
		buf_puts(&h->verdict, "<br>");
		put_value(&h->verdict, why, CELL_TEXT);
	}
	buf_puts(&h->verdict, "</p>\n");
}

static void take_untold(struct html *h, const struct row *r)
{
	buf_puts(&h->untold, "<li><b>");
	put_number(&h->untold, number(r, "blinded"));
	buf_puts(&h->untold,
		"</b> rows are blinded: what they are about is withheld from who made this report. "
		"They count in all sums, under a name like "
		"<span class=\"m\">withheld-4f1c&hellip;</span> that means nothing outside this "
		"report.</li>\n<li><b>");
	put_number(&h->untold, number(r, "left_out"));
	buf_puts(&h->untold, "</b> records about hidden names are left out.</li>\n");
}

int html_part(struct html *h, const char *part, const struct row *r)
{
	const struct row_field *line = row_get(r, "line");

	for (size_t i = 0; i < SECTIONS; i++) {
		if (!strcmp(part, sections[i].part))
			put_row(h, i, r);
	}
	if (!strcmp(part, "case"))
		take_case(h, r);
	else if (!strcmp(part, "total"))
		take_total(h, r);
	else if (!strcmp(part, "verdict"))
		take_verdict(h, r);
	else if (!strcmp(part, "personal"))
		buf_puts(&h->untold,
			"<li><b>This is the log of a mount of one's own.</b> Whoever owns it owns "
			"the "
			"files it is kept in: it helps an honest person to show what he did, and "
			"proves nothing against him but what a checkpoint covers that was kept "
			"elsewhere.</li>\n");
	else if (!strcmp(part, "untold"))
		take_untold(h, r);
	else if (!strcmp(part, "verified") && is_there(line)) {
		buf_puts(&h->verified, "<li>");
		put_value(&h->verified, line, CELL_TEXT);
		buf_puts(&h->verified, "</li>\n");
	}
	return 0;
}

/* ---- the page
 * ------------------------------------------------------------------------------------ */

/* No script and nothing from outside, whatever stands in it: the policy says so too. */
static const char page_head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	"style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	"<meta name=\"referrer\" content=\"no-referrer\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light\">\n";

static const char style[] =
	"<style>\n"
	":root{--ink:#1b2430;--soft:#5d6b7a;--line:#d9dfe5;--pale:#f5f7f9;--accent:#1f4e79}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:#fff;color:var(--ink);font:15px/1.5 system-ui,\"Segoe UI\","
	"\"Noto Sans\",\"DejaVu Sans\",sans-serif}\n"
	"main{max-width:1180px;margin:0 auto;padding:36px 32px 64px}\n"
	"header{border-bottom:3px solid var(--accent);padding-bottom:14px;margin-bottom:22px}\n"
	".over{color:var(--soft);font-size:13px;letter-spacing:.08em;text-transform:uppercase}\n"
	"h1{font-size:30px;line-height:1.2;margin:2px 0 0;font-weight:650;overflow-wrap:anywhere}\n"
	"h2{font-size:19px;margin:38px 0 6px;color:var(--accent);font-weight:650;"
	"break-after:avoid}\n"
	"p{margin:6px 0 10px}\n"
	".intro{color:var(--soft);max-width:75ch;break-after:avoid}\n"
	".two{display:grid;grid-template-columns:1fr 1fr;gap:0 40px}\n"
	"table{border-collapse:collapse;width:100%;font-size:13px}\n"
	"th,td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;"
	"border-bottom:1px solid var(--line)}\n"
	"thead th{color:var(--soft);font-weight:600;font-size:12px;"
	"border-bottom:1.5px solid var(--ink)}\n"
	"td{overflow-wrap:anywhere}\n"
	".facts th{width:11em;color:var(--soft);font-weight:500}\n"
	".n{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:normal;"
	"white-space:nowrap}\n"
	".t{font-variant-numeric:tabular-nums;overflow-wrap:normal;min-width:5.8em}\n"
	".m{font:12px/1.5 ui-monospace,\"DejaVu Sans Mono\",\"Noto Sans Mono\",monospace;"
	"overflow-wrap:anywhere}\n"
	"td.m{min-width:9em}\n"
	".none{color:var(--soft)}\n"
	".tiles{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0 4px}\n"
	".tile{flex:1 1 130px;background:var(--pale);border:1px solid "
	"var(--line);border-radius:6px;"
	"padding:10px 14px;font-size:13px;color:var(--soft)}\n"
	".tile b{display:block;font-size:22px;line-height:1.25;color:var(--ink);font-weight:650;"
	"font-variant-numeric:tabular-nums}\n"
	".verdict{border:1px solid;border-left-width:6px;border-radius:4px;padding:10px 14px;"
	"font-weight:600;margin:16px 0}\n"
	".good{border-color:#2e7d4f;background:#eff8f2}.fair{border-color:#b7791f;"
	"background:#fdf7ea}.bad{border-color:#b3261e;background:#fdf0ef}\n"
	".state{display:inline-block;padding:0 8px;border-radius:9px;font-size:12px;"
	"border:1px solid var(--line);background:var(--pale);white-space:nowrap}\n"
	".exclusion,.confirmed{border-color:#b3261e;color:#8c1d18}\n"
	".suspected{border-color:#b7791f;color:#7a5010}\n"
	".grant,.rejected{border-color:#2e7d4f;color:#1d5836}\n"
	"ul{margin:6px 0;padding-left:20px}li{margin:3px 0}\n"
	"footer{margin-top:44px;border-top:1px solid var(--line);padding-top:10px;"
	"color:var(--soft);font-size:12.5px}\n"
	"@media screen and (max-width:760px){.two{grid-template-columns:1fr}main{padding:20px 14px}"
	".wide{overflow-x:auto}}\n"
	"@page{size:A4 landscape;margin:14mm 12mm}\n"
	"@media print{body{font-size:10.5pt;-webkit-print-color-adjust:exact;"
	"print-color-adjust:exact}main{max-width:none;padding:0}table{font-size:8.5pt}"
	".m{font-size:7.5pt}thead{display:table-header-group}tr{break-inside:avoid}"
	"h1{font-size:20pt}h2{font-size:13pt;margin-top:20pt}.tile b{font-size:14pt}}\n"
	"</style>\n";

static void put_section(const struct html *h, size_t i, struct buf *out)
{
	const struct section *s = &sections[i];

	buf_printf(out, "<section id=\"%s\">\n<h2>%s</h2>\n", s->part, s->title);
	if (h->rows[i] == 0) {
		buf_printf(out, "<p class=\"none\">%s</p>\n</section>\n", s->none);
		return;
	}
	if (s->intro)
		buf_printf(out, "<p class=\"intro\">%s</p>\n", s->intro);
	buf_puts(out, "<div class=\"wide\"><table>\n<thead><tr>");
	for (const struct column *c = s->columns; c < s->columns + COLUMNS_MAX && c->key; c++)
		buf_printf(out, "<th%s>%s</th>",
			class_of(c->kind == CELL_MONO ? CELL_TEXT : c->kind), c->head);
	buf_puts(out, "</tr></thead>\n<tbody>\n");
	buf_put(out, h->body[i].data, h->body[i].len);
	buf_puts(out, "</tbody></table></div>\n");
	if (!strcmp(s->part, "trace") && h->traces > h->rows[i])
		buf_printf(out,
			"<p class=\"none\">And %" PRIu64 " more, of which less was read: "
			"<span class=\"m\">evidencefs audit export</span> has every one.</p>\n",
			h->traces - h->rows[i]);
	if (!strcmp(s->part, "refused") && h->refused > h->rows[i])
		buf_printf(out,
			"<p class=\"none\">The newest; %" PRIu64
			" earlier ones are left out.</p>\n",
			h->refused - h->rows[i]);
	buf_puts(out, "</section>\n");
}

static void put_front(struct html *h, struct buf *out)
{
	buf_puts(out, page_head);
	buf_puts(out, "<title>Access report: ");
	buf_put(out, h->title.data, h->title.len);
	buf_puts(out, "</title>\n");
	buf_puts(out, style);
	buf_puts(out,
		"</head>\n<body>\n<main>\n<header><div class=\"over\">Access report</div>\n<h1>");
	buf_put(out, h->title.data, h->title.len);
	buf_puts(out, "</h1></header>\n");
	buf_put(out, h->verdict.data, h->verdict.len);
	buf_puts(out, "<div class=\"tiles\">\n");
	buf_put(out, h->tiles.data, h->tiles.len);
	buf_puts(out, "</div>\n<section id=\"case\" class=\"two\">\n<table class=\"facts\">\n");
	buf_put(out, h->head.data, h->head.len);
	buf_puts(out, "</table>\n<table class=\"facts\">\n");
	buf_put(out, h->made.data, h->made.len);
	buf_puts(out,
		"<tr><th>Made with</th><td>evidencefs " VERSION "</td></tr>\n"
		"<tr><th>Times</th><td>UTC, whole seconds</td></tr>\n"
		"<tr><th>Numbers of records</th><td>positions in the access log, by which "
		"each can be proved (<span class=\"m\">evidencefs audit prove</span>)</td></tr>\n"
		"</table>\n</section>\n");
}

static void put_back(struct html *h, struct buf *out)
{
	buf_puts(out,
		"<section id=\"verification\">\n<h2>Verification of the access log</h2>\n<ul>\n");
	buf_put(out, h->verified.data, h->verified.len);
	buf_puts(out, "</ul>\n</section>\n<section id=\"limits\">\n<h2>What this report does not "
		      "say</h2>\n<ul>\n");
	buf_put(out, h->untold.data, h->untold.len);
	buf_puts(out,
		"<li>It shows what was read through the product. What somebody did with what he "
		"had "
		"read is not in the log.</li>\n"
		"<li>Names are those of the evidence; they were chosen by whoever used it. What "
		"cannot be shown as text stands as <span class=\"m\">\\xHH</span>.</li>\n"
		"<li>Sums come from a database that follows the log and is not sealed itself; "
		"<span class=\"m\">evidencefs audit reindex</span> builds it again from the log, "
		"and "
		"<span class=\"m\">evidencefs audit prove</span> proves a single record.</li>\n"
		"</ul>\n</section>\n<footer>Made by evidencefs " VERSION
		" from its access log and its catalog. The file loads nothing and runs nothing."
		"</footer>\n</main>\n</body>\n</html>\n");
}

int html_end(struct html *h, struct buf *out)
{
	int failed = h->head.error | h->title.error | h->tiles.error | h->verified.error |
		     h->verdict.error | h->untold.error | h->made.error;

	put_front(h, out);
	for (size_t i = 0; i < SECTIONS; i++) {
		failed |= h->body[i].error;
		put_section(h, i, out);
	}
	put_back(h, out);
	return failed || out->error ? -ENOMEM : 0;
}
