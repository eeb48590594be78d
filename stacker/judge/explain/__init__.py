"""Why a judge says what it says: effects of groups of features, inside trees and words, and in words."""
