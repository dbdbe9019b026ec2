// A libcurl multi loop as bare as can be: so many requests, so many at a time.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <vector>

namespace bench {

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

// Sends the requests `first` to `last`: prepare(easy, number) makes a handle, as new or used before, send
// that one, check(easy, result) is given each answer and may throw.
template <typename Prepare, typename Check>
void send_all(long connections, long first, long last, Prepare prepare, Check check)
{
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi(curl_multi_init(), curl_multi_cleanup);
    curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, connections);
    std::vector<Easy> handles;
    long next = first;
    auto start = [&](CURL *easy) {
        prepare(easy, next++);
        curl_multi_add_handle(multi.get(), easy);
    };
    for (long i = 0; i < connections && next <= last; i++)
        start(handles.emplace_back(curl_easy_init(), curl_easy_cleanup).get());
    for (long done = 0; done <= last - first;) {
        int running = 0;
        curl_multi_perform(multi.get(), &running);
        int left = 0;
        while (CURLMsg *message = curl_multi_info_read(multi.get(), &left)) {
            CURL *easy = message->easy_handle;
            check(easy, message->data.result);
            curl_multi_remove_handle(multi.get(), easy);
            done++;
            if (next <= last)
                start(easy);
        }
        if (running)
            curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    for (const Easy &easy : handles)
        curl_multi_remove_handle(multi.get(), easy.get());
}

inline std::size_t swallow(char *, std::size_t size, std::size_t count, void *)
{
    return size * count;
}

}  // namespace bench
