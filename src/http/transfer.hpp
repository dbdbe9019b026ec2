#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "http/client.hpp"
#include "http/curl.hpp"

namespace videoroom::http {

// One easy handle of curl's, used again and again, and the request it carries now.
class Transfer {
public:
    Transfer();
    Transfer(const Transfer &) = delete;
    Transfer &operator=(const Transfer &) = delete;

    CURL *handle() const { return easy_.get(); }

    // Prepares the handle. Throws std::runtime_error in curl's words; the tag is known even then.
    void set_up(Request request, const std::string &user_agent, curl_slist *headers);

    // The answer when curl has ended the transfer with `code`.
    Answer finish(CURLcode code);

    // The answer when it could not be begun.
    Answer fail(const char *error);

    // Forgets the request and every secret in it. The handle must have left its multi handle.
    void clear();

private:
    static size_t on_body(char *data, size_t, size_t size, void *context);
    static int on_ready_to_send(void *context, char *, char *, int, int);

    void set_up_connection(const std::string &user_agent, curl_slist *headers);
    void set_up_route();
    void set_up_request();
    std::string header(const char *name) const;
    long bytes_sent() const;
    bool sent() const;  // a byte of the request
    core::Time total_time() const;
    std::string describe(CURLcode code) const;

    Easy easy_;
    Request request_;
    Answer answer_;
    std::array<char, CURL_ERROR_SIZE> curl_error_ = {};
    long sent_before_ = -1;   // bytes when the request was first about to be sent; -1: it never was
    bool cut_off_ = false;    // a kept connection died without an answer, and curl was about to send again
    bool too_large_ = false;  // the answer
};

}  // namespace videoroom::http
