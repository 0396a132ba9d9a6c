// SPDX-License-Identifier: LGPL-2.1-or-later
// Ownership of reference-counted and plain C objects, as two types and no more:
// Ref<T> for what is counted, Owned<T> for what has one owner.
#pragma once

#include <gst/gst.h>

#include <cstddef>
#include <memory>
#include <utility>

namespace restream {

// How to count a T. GObjects by default; one RESTREAM_REF_TRAITS line for each
// GstMiniObject and boxed type.
template <typename T> struct RefTraits
{
  static void ref (T *p) { g_object_ref (p); }
  static void unref (T *p) { g_object_unref (p); }
  static bool adoptable (T *p) { return !g_object_is_floating (p); }
};

#define RESTREAM_REF_TRAITS(Type, ref_function, unref_function) \
  template <> struct RefTraits<Type>                            \
  {                                                             \
    static void ref (Type *p) { ref_function (p); }             \
    static void unref (Type *p) { unref_function (p); }         \
    static bool adoptable (Type *) { return true; }             \
  }

RESTREAM_REF_TRAITS (GstBuffer, gst_buffer_ref, gst_buffer_unref);
RESTREAM_REF_TRAITS (GstBufferList, gst_buffer_list_ref, gst_buffer_list_unref);
RESTREAM_REF_TRAITS (GstCaps, gst_caps_ref, gst_caps_unref);
RESTREAM_REF_TRAITS (GstEvent, gst_event_ref, gst_event_unref);
RESTREAM_REF_TRAITS (GstMemory, gst_memory_ref, gst_memory_unref);
RESTREAM_REF_TRAITS (GstMessage, gst_message_ref, gst_message_unref);
RESTREAM_REF_TRAITS (GstPromise, gst_promise_ref, gst_promise_unref);
RESTREAM_REF_TRAITS (GstQuery, gst_query_ref, gst_query_unref);
RESTREAM_REF_TRAITS (GstSample, gst_sample_ref, gst_sample_unref);
RESTREAM_REF_TRAITS (GBytes, g_bytes_ref, g_bytes_unref);
RESTREAM_REF_TRAITS (GMainContext, g_main_context_ref, g_main_context_unref);
RESTREAM_REF_TRAITS (GMainLoop, g_main_loop_ref, g_main_loop_unref);
RESTREAM_REF_TRAITS (GSource, g_source_ref, g_source_unref);

// Intrusive reference. The constructors are named after GLib's transfer
// annotations, so that a reader sees at each call what happens to the count.
template <typename T> class Ref
{
public:
  Ref () = default;
  Ref (std::nullptr_t) {}
  Ref (const Ref &other) : p_ (other.p_)
  {
    if (p_)
      RefTraits<T>::ref (p_);
  }
  Ref (Ref &&other) noexcept : p_ (std::exchange (other.p_, nullptr)) {}
  Ref &operator= (Ref other) noexcept
  {
    std::swap (p_, other.p_);
    return *this;
  }
  ~Ref ()
  {
    if (p_)
      RefTraits<T>::unref (p_);
  }

  // transfer full: takes over the caller's reference.
  [[nodiscard]] static Ref adopt (T *p)
  {
    g_assert (!p || RefTraits<T>::adoptable (p));
    Ref r;
    r.p_ = p;
    return r;
  }
  // transfer none: adds a reference.
  [[nodiscard]] static Ref retain (T *p)
  {
    if (p)
      RefTraits<T>::ref (p);
    Ref r;
    r.p_ = p;
    return r;
  }
  // transfer floating: sinks the floating reference of a new GInitiallyUnowned.
  [[nodiscard]] static Ref sink (T *p)
  {
    if (p)
      g_object_ref_sink (p);
    Ref r;
    r.p_ = p;
    return r;
  }

  T *get () const { return p_; }
  T *operator->() const { return p_; }
  explicit operator bool () const { return p_ != nullptr; }
  bool operator== (const Ref &other) const { return p_ == other.p_; }
  void reset () { *this = Ref (); }
  // Hands the reference to the caller (for transfer full parameters).
  [[nodiscard]] T *release () { return std::exchange (p_, nullptr); }
  // For C out-parameters that are transfer full; drops what was held.
  [[nodiscard]] T **out ()
  {
    reset ();
    return &p_;
  }

private:
  T *p_ = nullptr;
};

template <typename T> struct Free;

#define RESTREAM_FREE(Type, free_function)                 \
  template <> struct Free<Type>                            \
  {                                                        \
    void operator() (Type *p) const { free_function (p); } \
  }

RESTREAM_FREE (char, g_free);
RESTREAM_FREE (char *, g_strfreev);
RESTREAM_FREE (GError, g_error_free);
RESTREAM_FREE (GKeyFile, g_key_file_unref);
RESTREAM_FREE (GUri, g_uri_unref);
RESTREAM_FREE (GstStructure, gst_structure_free);

// One owner, freed by the type's own function. No state, so as small as a pointer.
template <typename T> using Owned = std::unique_ptr<T, Free<T>>;

// Adaptor for C out-parameters: f (…, out (error)).
template <typename T> class OutPtr
{
public:
  explicit OutPtr (Owned<T> &target) : target_ (target) {}
  OutPtr (const OutPtr &) = delete;
  OutPtr &operator= (const OutPtr &) = delete;
  ~OutPtr () { target_.reset (p_); }
  operator T ** () { return &p_; }

private:
  Owned<T> &target_;
  T *p_ = nullptr;
};

template <typename T>
[[nodiscard]] OutPtr<T>
out (Owned<T> &target)
{
  return OutPtr<T> (target);
}

} // namespace restream
