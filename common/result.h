// SPDX-License-Identifier: LGPL-2.1-or-later
// Errors as values with context. A small subset of std::expected, which C++20
// does not have.
#pragma once

#include "common/ref.h"

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace restream {

// What went wrong, in terms that every border can translate. http_status() is
// the only place that turns one into an HTTP status.
enum class Code
{
  bad_request = 1, // malformed
  unauthorized, // no or bad credentials
  forbidden, // understood, and refused by rule
  not_found, // no such thing, or no longer
  method_not_allowed, // the thing exists, the verb does not apply
  not_acceptable, // an offer that shares no codec with the stream
  no_receiver, // an offer with no section that could receive the stream
  conflict, // right request, wrong state; may be right later
  precondition_failed, // a stale entity tag
  too_large, // over a bound
  unsupported_media, // wrong content type
  unprocessable, // well-formed, but cannot be done
  precondition_required, // a missing entity tag
  too_many, // rate limit
  internal, // our fault
  unavailable, // overload or shutdown
  timeout, // something behind us did not answer in time
};

constexpr unsigned
http_status (Code code)
{
  switch (code) {
    case Code::bad_request:
      return 400;
    case Code::unauthorized:
      return 401;
    case Code::forbidden:
      return 403;
    case Code::not_found:
      return 404;
    case Code::method_not_allowed:
      return 405;
    case Code::not_acceptable:
    case Code::no_receiver:
      return 406;
    case Code::conflict:
      return 409;
    case Code::precondition_failed:
      return 412;
    case Code::too_large:
      return 413;
    case Code::unsupported_media:
      return 415;
    case Code::unprocessable:
      return 422;
    case Code::precondition_required:
      return 428;
    case Code::too_many:
      return 429;
    case Code::internal:
      return 500;
    case Code::unavailable:
      return 503;
    case Code::timeout:
      return 504;
  }
  return 500;
}

struct [[nodiscard]] Error
{
  Code code = Code::internal;
  std::string what; // for the operator or the client; no secrets
  unsigned retry_after_s = 0; // 0 = no advice

  // The same error with what was being done in front: "context: what".
  Error wrap (std::string_view context) const
  {
    return {code, std::string (context) + ": " + what, retry_after_s};
  }

  static Error from (const GError *error, Code code = Code::internal)
  {
    return {code, error ? error->message : "unknown error"};
  }
};

template <typename T> class [[nodiscard]] Result
{
public:
  Result (T value) : v_ (std::in_place_index<0>, std::move (value)) {}
  Result (Error error) : v_ (std::in_place_index<1>, std::move (error)) {}

  bool has_value () const { return v_.index () == 0; }
  explicit operator bool () const { return has_value (); }
  T &operator* () & { return *std::get_if<0> (&v_); }
  const T &operator* () const & { return *std::get_if<0> (&v_); }
  T &&operator* () && { return std::move (*std::get_if<0> (&v_)); }
  T *operator->() { return std::get_if<0> (&v_); }
  const T *operator->() const { return std::get_if<0> (&v_); }
  const Error &error () const { return *std::get_if<1> (&v_); }

private:
  std::variant<T, Error> v_;
};

template <> class [[nodiscard]] Result<void>
{
public:
  Result () = default;
  Result (Error error) : error_ (std::move (error)), ok_ (false) {}

  bool has_value () const { return ok_; }
  explicit operator bool () const { return ok_; }
  const Error &error () const { return error_; }

private:
  Error error_;
  bool ok_ = true;
};

} // namespace restream
