#include "pg/named_lock.hpp"

namespace videoroom::pg {

void lock_name(LockClass lock_class, std::string_view name)
{
    uint64 key = hash_bytes_extended(reinterpret_cast<const unsigned char *>(name.data()),
                                     static_cast<int>(name.size()), 0);
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(key >> 32), static_cast<uint32>(key),
                         static_cast<uint16>(lock_class));
    (void)LockAcquire(&tag, ExclusiveLock, false, false);
}

}  // namespace videoroom::pg
