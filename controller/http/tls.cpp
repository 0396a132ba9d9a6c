// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/tls.h"

#include "controller/log.h"

#include <utility>

namespace restream {

struct TlsFiles::Found
{
  std::string digest;
  Ref<GTlsCertificate> certificate; // null: error
  std::string error;
};

TlsFiles::Found
TlsFiles::read (const std::string &cert_file, const std::string &key_file)
{
  Found found;
  Owned<GError> error;
  std::string texts[2];
  GChecksum *digest = g_checksum_new (G_CHECKSUM_SHA256);
  int i = 0;
  for (const std::string &file : {cert_file, key_file}) {
    Owned<char> text;
    gsize size = 0;
    if (g_file_get_contents (file.c_str (), out (text), &size, out (error))) {
      texts[i].assign (text.get (), size);
      g_checksum_update (digest, reinterpret_cast<const guchar *> (text.get ()),
          gssize (size));
    } else {
      found.error = error->message;
      g_checksum_update (digest,
          reinterpret_cast<const guchar *> (error->message), -1);
    }
    i++;
  }
  found.digest = g_checksum_get_string (digest);
  g_checksum_free (digest);
  if (!found.error.empty ())
    return found;
  // The certificates first: GIO takes the key from wherever it is.
  std::string pem = texts[0] + "\n" + texts[1];
  found.certificate =
      Ref<GTlsCertificate>::adopt (g_tls_certificate_new_from_pem (pem.data (),
          gssize (pem.size ()), out (error)));
  if (!found.certificate) {
    found.error = cert_file + ", " + key_file + ": " + error->message;
    return found;
  }
  Owned<char> key;
  char *key_text = nullptr;
  g_object_get (found.certificate.get (), "private-key-pem", &key_text,
      nullptr);
  key.reset (key_text);
  if (!key) {
    found.certificate.reset ();
    found.error = key_file + ": no private key";
  }
  return found;
}

Result<std::shared_ptr<TlsFiles>>
TlsFiles::create (SoupServer *server, std::string cert_file,
    std::string key_file, unsigned look_ms)
{
  auto files = std::make_shared<TlsFiles> (Passkey{}, server,
      std::move (cert_file), std::move (key_file));
  Found first = read (files->cert_file_, files->key_file_);
  if (!first.certificate)
    return Error{Code::unavailable, first.error};
  files->seen_ = first.digest;
  soup_server_set_tls_certificate (server, first.certificate.get ());
  files->timer_ = Timer (nullptr, look_ms, [weak = files->weak_from_this ()] {
    if (auto self = weak.lock ())
      self->look ();
    return true;
  });
  return files;
}

void
TlsFiles::look ()
{
  if (std::exchange (looking_, true))
    return;
  struct Job
  {
    std::string cert_file, key_file;
    std::weak_ptr<TlsFiles> owner;
  };
  auto *job = new Job{cert_file_, key_file_, weak_from_this ()};
  auto task =
      Ref<GTask>::adopt (g_task_new (nullptr, nullptr, nullptr, nullptr));
  g_task_set_task_data (
      task.get (), job,
      +[] (gpointer data) { delete static_cast<Job *> (data); });
  g_task_run_in_thread (
      task.get (), +[] (GTask *, gpointer, gpointer data, GCancellable *) {
        auto *j = static_cast<Job *> (data);
        auto result =
            std::make_shared<Found> (read (j->cert_file, j->key_file));
        post (nullptr, j->owner,
            [result] (TlsFiles &self) { self.found (std::move (*result)); });
      });
}

void
TlsFiles::found (Found found)
{
  looking_ = false;
  if (found.digest == seen_)
    return;
  seen_ = found.digest;
  if (!found.certificate) {
    log_event (G_LOG_LEVEL_WARNING, "",
        "TLS: " + found.error + "; the certificate before stays in use");
    return;
  }
  soup_server_set_tls_certificate (server_.get (), found.certificate.get ());
  log_event (G_LOG_LEVEL_INFO, "", "TLS: the certificate has changed");
}

} // namespace restream
