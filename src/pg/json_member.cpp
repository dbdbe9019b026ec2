#include "pg/json_member.hpp"

#include <type_traits>

#include "pg/guard.hpp"

namespace videoroom::pg {
namespace {

// What a callback of the parser gives: nothing before PostgreSQL 16.
using Done = std::invoke_result_t<json_ofield_action, void *, char *, bool>;

struct Search {
    JsonLexContext *lexer;
    std::string_view name;
    int found = 0;
    const char *begin = nullptr;
    const char *end = nullptr;

    bool here(const char *field) const { return lexer->lex_level == 1 && name == field; }
};

Done field_begins(void *state, char *field, bool)
{
    auto *search = static_cast<Search *>(state);
    if (search->here(field)) {
        search->found++;
        search->begin = search->lexer->token_start;
    }
    return Done(JSON_SUCCESS);
}

Done field_ends(void *state, char *field, bool)
{
    auto *search = static_cast<Search *>(state);
    if (search->here(field))
        search->end = search->lexer->prev_token_terminator;
    return Done(JSON_SUCCESS);
}

}  // namespace

std::optional<std::string> json_member(std::string_view json, std::string_view name)
{
    Search search{nullptr, name};
    const bool valid = call([&] {
        search.lexer = json_lexer(json);
        JsonSemAction actions = {};
        actions.semstate = &search;
        actions.object_field_start = field_begins;
        actions.object_field_end = field_ends;
        return pg_parse_json(search.lexer, &actions) == JSON_SUCCESS;
    });
    if (!valid || search.found == 0)
        return std::nullopt;
    return search.found > 1 ? "" : std::string(search.begin, search.end);
}

}  // namespace videoroom::pg
