/* Plays a bad disk for every process that it is loaded into (LD_PRELOAD), below $DISK_FOLDER.
 *
 * DISK_FAILS="fsync 7": the 7th fsync of the whole tree of processes returns EIO; so for write,
 * open (for writing), rename and link. The count is shared through the file $DISK_COUNT, and the
 * file that was refused is named in $DISK_LOG.
 *
 * DISK_RECORDS=1: what a loss of power would leave to chance is written to $DISK_LOG: data written
 * and synced, names made, moved and removed, folders synced. Links in $DISK_GRAVES keep what a
 * rename or an unlink took a name from, so that it can be undone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LINE (3 * PATH_MAX)

static const char *folder, *graves, *refused_operation;
static size_t folder_length;
static long refused_number;
static long *count;
static int events = -1;
static int recording;

__attribute__((constructor)) static void begin(void) {
    const char *fails = getenv("DISK_FAILS"), *log = getenv("DISK_LOG");
    folder = getenv("DISK_FOLDER");
    if (!folder || !log) return;
    folder_length = strlen(folder);
    graves = getenv("DISK_GRAVES");
    recording = getenv("DISK_RECORDS") != NULL;
    /* A number that no program closes or hands on. */
    int opened = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0644);
    events = fcntl(opened, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, opened);
    if (fails) {
        static char operation[16];
        int shared = syscall(SYS_openat, AT_FDCWD, getenv("DISK_COUNT"), O_RDWR, 0);
        if (sscanf(fails, "%15s %ld", operation, &refused_number) != 2 || shared < 0) abort();
        refused_operation = operation;
        count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
        syscall(SYS_close, shared);
    }
}

static void say(const char *format, ...) {
    char line[LINE];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (events < 0 || syscall(SYS_write, events, line, length) != length) abort();
}

/* The absolute path, if it lies below the folder. */
static int ours(int at, const char *path, char *whole) {
    if (events < 0 || !path) return 0;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX], link[64];
        if (at == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
        if (snprintf(whole, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    return !strncmp(whole, folder, folder_length) && whole[folder_length] == '/';
}

static int ours_by_number(int fd, char *whole, struct stat *about) {
    char link[64];
    if (events < 0 || fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, whole, PATH_MAX - 1);
    if (length < 0) return 0;
    whole[length] = 0;
    if (strncmp(whole, folder, folder_length)) return 0;
    return fstat(fd, about) == 0 && (S_ISREG(about->st_mode) || S_ISDIR(about->st_mode));
}

/* Logs, and what jobs tell of themselves, are no product: a run goes on without them. */
static int is_told(const char *whole) {
    return strstr(whole, "/logs/") || strstr(whole, "/jobs/") || strstr(whole, "/progress/");
}

static int refuse(const char *operation, const char *whole) {
    if (!count || strcmp(operation, refused_operation)) return 0;
    if (!strstr(whole, "/releases/") || is_told(whole)) return 0;
    if (__atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST) != refused_number) return 0;
    say("%s %s\n", operation, whole);
    errno = EIO;
    return 1;
}

static ino_t number_of(const char *path, mode_t *mode) {
    struct stat about;
    if (lstat(path, &about)) return 0;
    if (mode) *mode = about.st_mode;
    return about.st_ino;
}

/* "<inode of the folder> <name>" of a path. */
static const char *entry(const char *whole, char *text) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", whole);
    char *slash = strrchr(parent, '/');
    while (slash[1] == 0) { *slash = 0; slash = strrchr(parent, '/'); }
    *slash = 0;
    snprintf(text, PATH_MAX, "%lu\t%s", (unsigned long)number_of(parent, NULL), slash + 1);
    return text;
}

static void bury(const char *whole, ino_t number) {
    char grave[PATH_MAX];
    snprintf(grave, sizeof grave, "%s/%lu", graves, (unsigned long)number);
    syscall(SYS_linkat, AT_FDCWD, whole, AT_FDCWD, grave, 0);
}

static int opened(int at, const char *path, int flags, mode_t mode,
                  int (*next)(int, const char *, int, ...)) {
    char whole[PATH_MAX], place[PATH_MAX];
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (!writes || !ours(at, path, whole)) return next(at, path, flags, mode);
    if (refuse("open", whole)) return -1;
    if (!recording) return next(at, path, flags, mode);
    ino_t before = number_of(whole, NULL);
    if (before && flags & O_TRUNC) say("cut\t%lu\t0\n", (unsigned long)before);
    int fd = next(at, path, flags, mode);
    struct stat about;
    if (fd >= 0 && !before && fstat(fd, &about) == 0)
        say("make\t%s\t%lu\n", entry(whole, place), (unsigned long)about.st_ino);
    return fd;
}

#define MODE mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list v; va_start(v, flags); mode = va_arg(v, mode_t); va_end(v); }

int openat(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode, NEXT(openat)); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode, NEXT(openat)); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode, NEXT(openat)); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode, NEXT(openat)); }

static int may_write(int fd, int refusable) {
    char whole[PATH_MAX];
    struct stat about;
    if (!ours_by_number(fd, whole, &about)) return 1;
    if (refusable && refuse("write", whole)) return 0;
    /* Before the bytes: a kill between the two must not make them look durable. */
    if (recording) say("dirty\t%lu\t%ld\n", (unsigned long)about.st_ino, (long)about.st_size);
    return 1;
}

ssize_t write(int fd, const void *data, size_t size) { return may_write(fd, 1) ? NEXT(write)(fd, data, size) : -1; }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return may_write(fd, 1) ? NEXT(pwrite)(fd, data, size, at) : -1; }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) { return may_write(fd, 1) ? NEXT(pwrite)(fd, data, size, at) : -1; }
ssize_t writev(int fd, const struct iovec *data, int number) { return may_write(fd, 1) ? NEXT(writev)(fd, data, number) : -1; }
/* Python takes a refused sendfile for a hint to use write. */
ssize_t sendfile(int fd, int from, off_t *at, size_t size) { return may_write(fd, 0) ? syscall(SYS_sendfile, fd, from, at, size) : -1; }
ssize_t sendfile64(int fd, int from, off_t *at, size_t size) { return may_write(fd, 0) ? syscall(SYS_sendfile, fd, from, at, size) : -1; }

static int cut(int fd, off_t size) {
    char whole[PATH_MAX];
    struct stat about;
    if (recording && ours_by_number(fd, whole, &about))
        say("cut\t%lu\t%ld\n", (unsigned long)about.st_ino, (long)size);
    return syscall(SYS_ftruncate, fd, size);
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off_t size) { return cut(fd, size); }

static int synced(int fd, int (*next)(int)) {
    char whole[PATH_MAX];
    struct stat about;
    if (!ours_by_number(fd, whole, &about)) return next(fd);
    if (refuse("fsync", whole)) return -1;
    /* The disk of the test need not wait: what the record says is what counts. */
    if (!recording) return next(fd);
    if (S_ISDIR(about.st_mode)) say("folder\t%lu\n", (unsigned long)about.st_ino);
    else say("synced\t%lu\t%ld\n", (unsigned long)about.st_ino, (long)about.st_size);
    return 0;
}
int fsync(int fd) { return synced(fd, NEXT(fsync)); }
int fdatasync(int fd) { return synced(fd, NEXT(fdatasync)); }

static int moved(int at, const char *from, int to_at, const char *to, unsigned flags) {
    char source[PATH_MAX], target[PATH_MAX], one[PATH_MAX], other[PATH_MAX];
    if (!ours(at, from, source) || !ours(to_at, to, target))
        return syscall(SYS_renameat2, at, from, to_at, to, flags);
    if (refuse("rename", target)) return -1;
    if (!recording) return syscall(SYS_renameat2, at, from, to_at, to, flags);
    mode_t mode = 0, old_mode = 0;
    ino_t number = number_of(source, &mode), old = number_of(target, &old_mode);
    if (old && S_ISREG(old_mode)) bury(target, old);
    int code = syscall(SYS_renameat2, at, from, to_at, to, flags);
    const char *what = flags ? "exchange" : S_ISDIR(mode) ? "carry" : "move";
    if (code == 0)
        say("%s\t%s\t%s\t%lu\t%lu\n", what, entry(source, one), entry(target, other),
            (unsigned long)number, (unsigned long)old);
    return code;
}
int rename(const char *from, const char *to) { return moved(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int at, const char *from, int to_at, const char *to) { return moved(at, from, to_at, to, 0); }
int renameat2(int at, const char *from, int to_at, const char *to, unsigned flags) { return moved(at, from, to_at, to, flags); }

static int linked(int at, const char *from, int to_at, const char *to, int flags) {
    char target[PATH_MAX], place[PATH_MAX];
    if (!ours(to_at, to, target)) return syscall(SYS_linkat, at, from, to_at, to, flags);
    if (refuse("link", target)) return -1;
    int code = syscall(SYS_linkat, at, from, to_at, to, flags);
    if (code == 0 && recording)
        say("make\t%s\t%lu\n", entry(target, place), (unsigned long)number_of(target, NULL));
    return code;
}
int link(const char *from, const char *to) { return linked(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int at, const char *from, int to_at, const char *to, int flags) { return linked(at, from, to_at, to, flags); }

static int removed(int at, const char *path, int flags) {
    char whole[PATH_MAX], place[PATH_MAX];
    if (!recording || flags || !ours(at, path, whole)) return syscall(SYS_unlinkat, at, path, flags);
    ino_t number = number_of(whole, NULL);
    if (number) bury(whole, number);
    int code = syscall(SYS_unlinkat, at, path, flags);
    if (code == 0) say("remove\t%s\t%lu\n", entry(whole, place), (unsigned long)number);
    return code;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }

static int folder_made(int at, const char *path, mode_t mode) {
    char whole[PATH_MAX], place[PATH_MAX];
    int code = syscall(SYS_mkdirat, at, path, mode);
    if (code == 0 && recording && ours(at, path, whole))
        say("folder made\t%s\t%lu\n", entry(whole, place), (unsigned long)number_of(whole, NULL));
    return code;
}
int mkdir(const char *path, mode_t mode) { return folder_made(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return folder_made(at, path, mode); }
