// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/ipsec-mb.h"

namespace restream::transport::native {

IpsecMb
make_ipsec_mb ()
{
  IpsecMb manager (alloc_mb_mgr (0));
  if (!manager)
    return nullptr;
  IMB_ARCH architecture = IMB_ARCH_NONE;
  init_mb_mgr_auto (manager.get (), &architecture);
  const bool fit = imb_get_errno (manager.get ()) == 0
      && architecture >= IMB_ARCH_AVX
      && (manager->features & IMB_FEATURE_SELF_TEST_PASS);
  return fit ? std::move (manager) : nullptr;
}

IMB_MGR *
shared_ipsec_mb ()
{
  static const IpsecMb manager = make_ipsec_mb ();
  return manager.get ();
}

} // namespace restream::transport::native
