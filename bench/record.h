// The one record of a measurement: a JSON object, one line in a records file. Reports are rendered from
// these.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "bench/runner.h"

namespace bsk::bench {

/// Changes whenever a field changes its name or meaning.
inline constexpr int kSchemaVersion = 2;

/// Figures that were not measured are null.
[[nodiscard]] nlohmann::ordered_json make_record(const CaseResult& result, const Measurement& measurement);

/// Appends one line in one write, so that a reader or a crash never sees half of it. @throws Error
/// file_error.
void append_record(const std::string& path, const nlohmann::ordered_json& record);

}  // namespace bsk::bench
