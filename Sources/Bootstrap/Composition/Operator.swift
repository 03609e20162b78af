import Application
import Domain
import Foundation

/// Who acts at the command line: whoever can read the data folder is trusted as its admin.
enum Operator {
  /// The account that owns what is ingested at the command line. It is stored as deleted, so nobody signs in as it.
  static let id = UserID(UUID(uuid: (0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 2)))

  /// The operator, whose account is made at first use, or the account of an address.
  static func principal(
    as email: String?, users: any UserRepository, clock: WallClock
  ) async throws(CommandFailure) -> Principal {
    do {
      if let email {
        guard let address = EmailAddress(email), let found = try await users.credentials(for: address) else {
          throw CommandFailure(.notFound, "there is no account for \(email)")
        }
        return Principal(
          userID: found.user.id, organizationID: found.user.organizationID, role: found.user.role, sessionID: nil)
      }
      if try await users.user(id, in: Organization.standard.id) == nil {
        let now = clock.now()
        guard let address = EmailAddress("operator@localhost") else {
          throw CommandFailure(.failure, "the operator's address is not one")
        }
        let account = User(
          id: id, organizationID: Organization.standard.id, email: address, displayName: "Operator", role: .admin,
          createdAt: now, updatedAt: now, deletedAt: now)
        do { _ = try await users.insert(account, passwordHash: nil, roleIfFirst: nil) } catch .conflict {
          // Another command made it in the same moment.
        }
      }
    } catch let failure as CommandFailure {
      throw failure
    } catch let failure as StorageFailure {
      throw CommandFailure(.unavailable, "storage: \(failure)")
    } catch {
      throw CommandFailure(.failure, "\(error)")
    }
    return Principal(userID: id, organizationID: Organization.standard.id, role: .admin, sessionID: nil)
  }
}
