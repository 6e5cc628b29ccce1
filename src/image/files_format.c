/* SPDX-License-Identifier: Apache-2.0 */
/* files_format.c - which format a file has, by its signature; see files_format.h. */
#include "image/files_format.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BLOCK 512

/* What is known of a file: its first bytes, and its last 512. */
struct look {
	uint8_t head[BLOCK];
	size_t head_len;
	uint8_t tail[BLOCK];
	size_t tail_len; /* 0 or BLOCK */
	const char *ext; /* with its dot, or "" */
};

struct foreign {
	bool (*is)(const struct look *l);
	const char *what;
	const char *advice;
};

static bool at(const uint8_t *p, size_t n, size_t off, const void *magic, size_t len)
{
	return off + len <= n && memcmp(p + off, magic, len) == 0;
}

/* A string literal stands at @off of the head. */
#define HEAD(l, off, magic) at((l)->head, (l)->head_len, off, magic, sizeof(magic) - 1)

bool format_is_ewf(const uint8_t *p, size_t n)
{
	return at(p, n, 0, "EVF\x09\x0d\x0a\xff\x00", 8) || at(p, n, 0, "EVF2\x0d\x0a\x81\x00", 8);
}

static bool is_logical(const struct look *l)
{
	return HEAD(l, 0, "LVF\x09\x0d\x0a\xff\x00") || HEAD(l, 0, "LEF2\x0d\x0a\x81\x00");
}

static bool is_aff(const struct look *l)
{
	return HEAD(l, 0, "AFF10\r\n\x00");
}

static bool is_aff4(const struct look *l)
{
	return HEAD(l, 0, "PK\x03\x04") && strcasecmp(l->ext, ".aff4") == 0;
}

static bool is_qcow(const struct look *l)
{
	return HEAD(l, 0, "QFI\xfb");
}

static bool is_vmdk(const struct look *l)
{
	return HEAD(l, 0, "KDMV") || HEAD(l, 0, "COWD") || HEAD(l, 0, "# Disk DescriptorFile");
}

/*
 * A dynamic or differencing VHD begins with a copy of its footer. A fixed one
 * has the footer at its end only: in front of it the media stands raw.
 */
static bool is_vhd(const struct look *l)
{
	return HEAD(l, 0, "conectix");
}

static bool is_vhdx(const struct look *l)
{
	return HEAD(l, 0, "vhdxfile");
}

static bool is_vdi(const struct look *l)
{
	return HEAD(l, 0x40, "\x7f\x10\xda\xbe") && HEAD(l, 0x46, "\x01\x00");
}

/* The trailer of a UDIF image: signature, version 4, its own length, big endian. */
static bool is_dmg(const struct look *l)
{
	return at(l->tail, l->tail_len, 0, "koly\x00\x00\x00\x04\x00\x00\x02\x00", 12);
}

static const struct foreign foreign[] = {
	{is_logical, "logical evidence (L01, Lx01), not an image of a medium",
		"extract its files with EnCase or FTK Imager and archive them"},
	{is_aff, "an AFF image", "convert it: affconvert -r -e raw FILE"},
	{is_aff4, "an AFF4 image", "export it as raw with aff4imager or FTK Imager"},
	{is_qcow, "a qcow image", "convert it: qemu-img convert -O raw FILE FILE.raw"},
	{is_vmdk, "a VMware (vmdk) image",
		"convert it: qemu-img convert -O raw FILE FILE.raw, or add its -flat.vmdk file"},
	{is_vhd, "a dynamic VHD image", "convert it: qemu-img convert -f vpc -O raw FILE FILE.raw"},
	{is_vhdx, "a VHDX image", "convert it: qemu-img convert -O raw FILE FILE.raw"},
	{is_vdi, "a VirtualBox (vdi) image", "convert it: qemu-img convert -O raw FILE FILE.raw"},
	{is_dmg, "an Apple disk image (dmg)",
		"convert it: qemu-img convert -f dmg -O raw FILE FILE.raw"},
};

static int read_at(const struct image_file *f, uint8_t *p, size_t n, uint64_t off, struct err *e)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(f->fd, p + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, errno, "%s: cannot be read", f->path);
		if (r == 0)
			return err_set(e, EIO, "%s: became shorter while it was read", f->path);
		done += (size_t)r;
	}
	return 0;
}

static const char *extension(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');

	return dot ? dot : "";
}

int format_detect(const struct image_file *f, enum image_format *out, struct err *e)
{
	struct look l = {.ext = extension(f->path)};
	int r = 0;

	l.head_len = f->size < BLOCK ? (size_t)f->size : BLOCK;
	r = read_at(f, l.head, l.head_len, 0, e);
	if (r == 0 && f->size >= BLOCK) {
		l.tail_len = BLOCK;
		r = read_at(f, l.tail, BLOCK, f->size - BLOCK, e);
	}
	if (r)
		return r;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (foreign[i].is(&l))
			return err_set(e, ENOTSUP, "%s is %s, which is not read here; %s", f->path,
				foreign[i].what, foreign[i].advice);
	*out = format_is_ewf(l.head, l.head_len) ? IMAGE_EWF : IMAGE_RAW;
	return 0;
}
