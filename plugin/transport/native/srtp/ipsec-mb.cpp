// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/ipsec-mb.h"

namespace restream::transport::native {

namespace {

bool
is_sound (IMB_MGR &manager)
{
  return imb_get_errno (&manager) == 0
      && (manager.features & IMB_FEATURE_SELF_TEST_PASS);
}

} // namespace

IpsecMb
make_ipsec_mb ()
{
  IpsecMb manager (alloc_mb_mgr (0));
  if (!manager)
    return nullptr;
  IMB_ARCH architecture = IMB_ARCH_NONE;
  init_mb_mgr_auto (manager.get (), &architecture);
  const bool fit = is_sound (*manager) && architecture >= IMB_ARCH_AVX;
  return fit ? std::move (manager) : nullptr;
}

IMB_MGR *
shared_ipsec_mb ()
{
  static const IpsecMb manager = [] {
    IpsecMb made = make_ipsec_mb ();
    // AVX-512 has no AES of its own without VAES: its GCM takes 5 % longer there than AVX2's.
    if (made && (made->features & IMB_FEATURE_AVX512_SKX)
        && !(made->features & IMB_FEATURE_VAES)) {
      init_mb_mgr_avx2 (made.get ());
      if (!is_sound (*made))
        made.reset ();
    }
    return made;
  }();
  return manager.get ();
}

} // namespace restream::transport::native
