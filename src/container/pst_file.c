/* SPDX-License-Identifier: Apache-2.0 */
/* pst_file.c - items of an Outlook store; see pst_file.h. */
#define LIBPFF_HAVE_BFIO 1
#include <libbfio.h>
#include <libpff.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container/pst_file.h"

#define OPEN_READ 1 /* LIBPFF_ACCESS_FLAG_READ */

/* What libbfio is given as a file. */
struct io {
	const struct source *source;
	struct container_budget *budget;
	uint64_t at;
	bool spent;
};

struct pst {
	struct io io;
	libbfio_handle_t *handle;
	libpff_file_t *file;
};

static struct io *io_of(intptr_t *p)
{
	return (struct io *)p;
}

static int io_free(intptr_t **p, libbfio_error_t **error)
{
	(void)error;
	*p = NULL;
	return 1;
}

static int io_clone(intptr_t **to, intptr_t *from, libbfio_error_t **error)
{
	(void)error;
	*to = from;
	return 1;
}

static int io_open(intptr_t *p, int flags, libbfio_error_t **error)
{
	(void)flags, (void)error;
	io_of(p)->at = 0;
	return 1;
}

static int io_close(intptr_t *p, libbfio_error_t **error)
{
	(void)p, (void)error;
	return 0;
}

static ssize_t io_read(intptr_t *p, uint8_t *buf, size_t len, libbfio_error_t **error)
{
	struct io *io = io_of(p);
	ssize_t n = 0;

	(void)error;
	/* libpff reads a block more than once: only time is counted here. */
	if (io->budget && container_spend(io->budget, 0) < 0)
		io->spent = true;
	if (io->spent)
		return -1;
	if (io->at >= source_size(io->source))
		return 0;
	n = source_read_all(io->source, buf, len, io->at);
	if (n < 0)
		return -1;
	io->at += (uint64_t)n;
	return n;
}

static ssize_t io_write(intptr_t *p, const uint8_t *buf, size_t len, libbfio_error_t **error)
{
	(void)p, (void)buf, (void)len, (void)error;
	return -1;
}

static off64_t io_seek(intptr_t *p, off64_t offset, int whence, libbfio_error_t **error)
{
	struct io *io = io_of(p);
	uint64_t from = whence == SEEK_SET   ? 0
			: whence == SEEK_CUR ? io->at
					     : source_size(io->source);
	off64_t to = 0;

	(void)error;
	if (__builtin_add_overflow((off64_t)from, offset, &to) || to < 0)
		return -1;
	io->at = (uint64_t)to;
	return to;
}

static int io_yes(intptr_t *p, libbfio_error_t **error)
{
	(void)p, (void)error;
	return 1;
}

static int io_size(intptr_t *p, size64_t *size, libbfio_error_t **error)
{
	(void)error;
	*size = source_size(io_of(p)->source);
	return 1;
}

int pst_open(const struct source *s, struct container_budget *b, struct pst **out, struct err *e)
{
	struct pst *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return err_set(e, ENOMEM, "no memory for a mail store");
	p->io = (struct io){.source = s, .budget = b};
	if (libbfio_handle_initialize(&p->handle, (intptr_t *)&p->io, io_free, io_clone, io_open,
		    io_close, io_read, io_write, io_seek, io_yes, io_yes, io_size,
		    LIBBFIO_FLAG_IO_HANDLE_NON_MANAGED, NULL) != 1 ||
		libpff_file_initialize(&p->file, NULL) != 1)
		r = err_set(e, ENOMEM, "no memory for a mail store");
	else if (libpff_file_open_file_io_handle(p->file, p->handle, OPEN_READ, NULL) != 1)
		r = p->io.spent ? err_set(e, E2BIG, "the mail store takes too long to open")
				: err_set(e, EBADMSG, "a damaged mail store: it cannot be opened");
	if (r < 0) {
		pst_close(p);
		return r;
	}
	*out = p;
	return 0;
}

void pst_budget(struct pst *p, struct container_budget *b)
{
	p->io.budget = b;
	p->io.spent = false;
}

bool pst_spent(const struct pst *p)
{
	return p->io.spent;
}

void pst_close(struct pst *p)
{
	if (!p)
		return;
	if (p->file) {
		libpff_file_close(p->file, NULL);
		libpff_file_free(&p->file, NULL);
	}
	if (p->handle)
		libbfio_handle_free(&p->handle, NULL);
	free(p);
}

/* libpff has its own name for an item, which is any pointer. */
static libpff_item_t *pff(struct pst_item *item)
{
	return (libpff_item_t *)item;
}

static struct pst_item *found(int r, libpff_item_t **item)
{
	return r == 1 ? (struct pst_item *)*item : NULL;
}

struct pst_item *pst_root(struct pst *p)
{
	libpff_item_t *item = NULL;

	return found(libpff_file_get_root_folder(p->file, &item, NULL), &item);
}

struct pst_item *pst_item(struct pst *p, uint32_t id)
{
	libpff_item_t *item = NULL;

	return found(libpff_file_get_item_by_identifier(p->file, id, &item, NULL), &item);
}

size_t pst_orphans(struct pst *p)
{
	int n = 0;

	return libpff_file_get_number_of_orphan_items(p->file, &n, NULL) == 1 && n > 0 ? (size_t)n
										       : 0;
}

struct pst_item *pst_orphan(struct pst *p, size_t i)
{
	libpff_item_t *item = NULL;

	return found(libpff_file_get_orphan_item_by_index(p->file, (int)i, &item, NULL), &item);
}

ssize_t pst_subs(struct pst_item *item, enum pst_sub what)
{
	int n = 0;
	int r = what == PST_FOLDERS ? libpff_folder_get_number_of_sub_folders(pff(item), &n, NULL)
		: what == PST_MESSAGES
			? libpff_folder_get_number_of_sub_messages(pff(item), &n, NULL)
			: libpff_message_get_number_of_attachments(pff(item), &n, NULL);

	return r < 0 ? -EIO : r == 1 && n > 0 ? n : 0;
}

struct pst_item *pst_sub(struct pst_item *item, enum pst_sub what, size_t i)
{
	libpff_item_t *sub = NULL;
	int at = (int)i;
	int r = what == PST_FOLDERS    ? libpff_folder_get_sub_folder(pff(item), at, &sub, NULL)
		: what == PST_MESSAGES ? libpff_folder_get_sub_message(pff(item), at, &sub, NULL)
				       : libpff_message_get_attachment(pff(item), at, &sub, NULL);

	return found(r, &sub);
}

struct pst_item *pst_recipients(struct pst_item *message)
{
	libpff_item_t *item = NULL;

	return found(libpff_message_get_recipients(pff(message), &item, NULL), &item);
}

struct pst_item *pst_attached_item(struct pst_item *attachment)
{
	libpff_item_t *item = NULL;

	return found(libpff_attachment_get_item(pff(attachment), &item, NULL), &item);
}

void pst_item_free(struct pst_item *item)
{
	libpff_item_t *i = pff(item);

	if (i)
		libpff_item_free(&i, NULL);
}

uint32_t pst_id(struct pst_item *item)
{
	uint32_t id = 0;

	return libpff_item_get_identifier(pff(item), &id, NULL) == 1 ? id : 0;
}

static int body_size(struct pst_item *m, enum pst_body which, size_t *n)
{
	return which == PST_TEXT   ? libpff_message_get_plain_text_body_size(pff(m), n, NULL)
	       : which == PST_HTML ? libpff_message_get_html_body_size(pff(m), n, NULL)
				   : libpff_message_get_rtf_body_size(pff(m), n, NULL);
}

static int body_bytes(struct pst_item *m, enum pst_body which, uint8_t *p, size_t n)
{
	return which == PST_TEXT   ? libpff_message_get_plain_text_body(pff(m), p, n, NULL)
	       : which == PST_HTML ? libpff_message_get_html_body(pff(m), p, n, NULL)
				   : libpff_message_get_rtf_body(pff(m), p, n, NULL);
}

int pst_body(struct pst_item *message, enum pst_body which, struct buf *out)
{
	size_t n = 0;
	int r = body_size(message, which, &n);

	if (r != 1 || n == 0)
		return r < 0 ? -EIO : 0;
	if (n > PST_BODY_MAX)
		return -E2BIG;
	if (buf_reserve(out, n))
		return -ENOMEM;
	if (body_bytes(message, which, out->data + out->len, n) != 1)
		return -EIO;
	/* The end of a string is counted. */
	while (n > 0 && out->data[out->len + n - 1] == '\0')
		n--;
	out->len += n;
	return n > 0;
}

int pst_attached(struct pst_item *attachment, enum pst_attached *what, uint64_t *size)
{
	int type = 0;
	size64_t n = 0;

	*size = 0;
	if (libpff_attachment_get_type(pff(attachment), &type, NULL) != 1)
		return -EIO;
	*what = type == LIBPFF_ATTACHMENT_TYPE_DATA   ? PST_DATA
		: type == LIBPFF_ATTACHMENT_TYPE_ITEM ? PST_ITEM
						      : PST_REFERENCE;
	if (*what == PST_DATA && libpff_attachment_get_data_size(pff(attachment), &n, NULL) == 1)
		*size = n;
	return 0;
}

ssize_t pst_read(struct pst_item *attachment, void *buf, size_t len, uint64_t off)
{
	size_t done = 0;
	ssize_t n = 1;

	if (len == 0)
		return 0;
	if (libpff_attachment_data_seek_offset(pff(attachment), (off64_t)off, SEEK_SET, NULL) < 0)
		return -EIO;
	while (done < len && n > 0) {
		n = libpff_attachment_data_read_buffer(
			pff(attachment), (uint8_t *)buf + done, len - done, NULL);
		if (n > 0)
			done += (size_t)n;
	}
	return n < 0 && done == 0 ? -EIO : (ssize_t)done;
}
