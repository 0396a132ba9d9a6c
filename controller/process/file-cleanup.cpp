// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/file-cleanup.h"

#include "controller/http/glob.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace restream {

namespace {

constexpr std::size_t kMaxEntries = 100000; // looked at for a rule
constexpr unsigned kMaxDepth = 16;
constexpr std::uint64_t kMaxGlobSteps = 100 * 1000 * 1000; // for a rule

class Fd
{
public:
  explicit Fd (int fd) : fd_ (fd) {}
  Fd (Fd &&other) noexcept : fd_ (std::exchange (other.fd_, -1)) {}
  Fd &operator= (Fd &&other) noexcept
  {
    std::swap (fd_, other.fd_);
    return *this;
  }
  ~Fd ()
  {
    if (fd_ >= 0)
      close (fd_);
  }
  explicit operator bool () const { return fd_ >= 0; }
  int get () const { return fd_; }

private:
  int fd_;
};

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Step by step, so that no symbolic link leads away. The path begins with "/" or is empty.
Fd
open_below (const std::string &root, std::string_view path)
{
  Fd folder (open (root.c_str (), kFolder));
  while (folder && !path.empty ()) {
    std::size_t from = path.find_first_not_of ('/');
    if (from == std::string_view::npos)
      break;
    path.remove_prefix (from);
    std::string name (path.substr (0, path.find ('/')));
    path.remove_prefix (name.size ());
    if (name == "..") {
      errno = EACCES;
      return Fd (-1);
    }
    folder = Fd (openat (folder.get (), name.c_str (), kFolder | O_NOFOLLOW));
  }
  return folder;
}

struct File
{
  std::string folder, name; // folder: below the root, as it begins with "/"
  std::int64_t seconds, nanoseconds; // of its last change

  bool operator<(const File &other) const
  {
    return std::tie (seconds, nanoseconds, folder, name)
        < std::tie (other.seconds, other.nanoseconds, other.folder, other.name);
  }
};

// Finds the files of one pattern.
class Search
{
public:
  Search (const std::string &root, const std::string &pattern, Glob glob,
      const std::atomic<bool> &cancelled)
      : root_ (root), glob_ (std::move (glob)), cancelled_ (cancelled)
  {
    // Up to the first folder whose name is a pattern, the way is known.
    std::size_t special =
        std::min (pattern.find_first_of ("*?[{\\"), pattern.size ());
    start_ = pattern.substr (0, pattern.rfind ('/', special));
    std::string_view rest =
        std::string_view (pattern).substr (start_.size () + 1);
    deep_ = rest.find ('/') != rest.npos || rest.find ("**") != rest.npos
        || rest.find ('{') != rest.npos;
  }

  std::vector<File> run ()
  {
    walk (open_below (root_, start_), start_, 0);
    return std::move (files_);
  }

private:
  void walk (Fd folder, const std::string &path, unsigned depth)
  {
    DIR *dir = folder ? fdopendir (dup (folder.get ())) : nullptr;
    if (!dir)
      return; // not there yet, or not any more
    std::vector<std::string> folders;
    while (const dirent *entry = readdir (dir)) {
      if (cancelled_ || entries_++ >= kMaxEntries)
        break;
      std::string name = entry->d_name;
      struct stat status;
      if (name == "." || name == ".."
          || fstatat (folder.get (), name.c_str (), &status,
                 AT_SYMLINK_NOFOLLOW)
              != 0)
        continue;
      if (S_ISDIR (status.st_mode)) {
        if (deep_ && depth < kMaxDepth)
          folders.push_back (std::move (name));
      } else if (S_ISREG (status.st_mode)
          && glob_.matches (path + "/" + name, steps_)) {
        files_.push_back ({path, std::move (name), status.st_mtim.tv_sec,
            status.st_mtim.tv_nsec});
      }
    }
    closedir (dir);
    for (const std::string &name : folders)
      walk (Fd (openat (folder.get (), name.c_str (), kFolder | O_NOFOLLOW)),
          path + "/" + name, depth + 1);
  }

  const std::string &root_;
  const Glob glob_;
  const std::atomic<bool> &cancelled_;
  std::string start_;
  bool deep_ = false;
  std::vector<File> files_;
  std::size_t entries_ = 0;
  std::uint64_t steps_ = kMaxGlobSteps;
};

void
remove_file (const std::string &root, const File &file, CleanupResult &result)
{
  Fd folder = open_below (root, file.folder);
  if (folder && unlinkat (folder.get (), file.name.c_str (), 0) == 0)
    result.removed++;
  else if (errno != ENOENT && result.error.empty ())
    result.error = "cannot remove " + file.folder + "/" + file.name + ": "
        + g_strerror (errno);
}

} // namespace

std::optional<std::string>
cleanup_pattern (const CleanupRule &rule, const std::string &folder)
{
  auto rooted = [] (std::string_view path) {
    return (path.starts_with ("/") ? "" : "/") + std::string (path);
  };
  std::string_view pattern = rule.pattern;
  for (const char *prefix : {"disk:", "diskfs:"})
    if (pattern.starts_with (prefix))
      return rooted (pattern.substr (strlen (prefix)));
  for (const char *prefix : {"mem:", "memfs:"})
    if (pattern.starts_with (prefix))
      return "/memfs" + rooted (pattern.substr (strlen (prefix)));
  if (pattern.starts_with (folder + "/"))
    return std::string (pattern.substr (folder.size ()));
  return std::nullopt;
}

CleanupResult
clean_up_files (const std::string &folder,
    const std::vector<CleanupRule> &rules, CleanupKind kind,
    const std::atomic<bool> &cancelled)
{
  CleanupResult result;
  const std::int64_t now_s = g_get_real_time () / G_USEC_PER_SEC;
  for (const CleanupRule &rule : rules) {
    if (kind == CleanupKind::purge
            ? !rule.purge_on_delete
            : rule.max_files == 0 && rule.max_file_age_s == 0)
      continue;
    auto pattern = cleanup_pattern (rule, folder);
    if (!pattern)
      continue;
    auto glob = Glob::parse_path (*pattern);
    if (!glob) {
      result.error = "cleanup: " + rule.pattern + ": " + glob.error ().what;
      continue;
    }
    std::vector<File> files =
        Search (folder, *pattern, *std::move (glob), cancelled).run ();
    if (cancelled)
      break;
    std::sort (files.begin (), files.end ()); // the oldest first
    std::size_t too_many = kind == CleanupKind::purge ? files.size ()
        : rule.max_files > 0 && files.size () > rule.max_files
        ? files.size () - rule.max_files
        : 0;
    for (std::size_t i = 0; i < files.size () && !cancelled; i++) {
      bool old = rule.max_file_age_s > 0
          && now_s - files[i].seconds > std::int64_t (rule.max_file_age_s);
      if (i < too_many || old)
        remove_file (folder, files[i], result);
    }
  }
  return result;
}

} // namespace restream
