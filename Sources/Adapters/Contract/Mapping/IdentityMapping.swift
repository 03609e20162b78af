import Application
import Domain
import SwiftProtobuf

extension Opentier_V1_UserRole {
  /// A role.
  init(_ role: UserRole) {
    switch role {
    case .user: self = .user
    case .contributor: self = .contributor
    case .admin: self = .admin
    }
  }
}

extension Opentier_V1_User {
  /// An account.
  init(_ user: User) {
    self.init()
    id = user.id.description
    email = user.email.text
    displayName = user.displayName
    role = Opentier_V1_UserRole(user.role)
    organizationID = user.organizationID.description
    createdAt = Google_Protobuf_Timestamp(user.createdAt)
  }
}

extension Opentier_V1_IssuedSession {
  /// A session just opened, with its token.
  init(_ signedIn: SignedIn) {
    self.init()
    token = signedIn.token.text
    expiresAt = Google_Protobuf_Timestamp(signedIn.session.expiresAt)
  }
}

extension Opentier_V1_Session {
  /// A session as its owner sees it, who is calling with `current`.
  init(_ session: Session, current: SessionID?) {
    self.init()
    id = session.id.description
    createdAt = Google_Protobuf_Timestamp(session.createdAt)
    expiresAt = Google_Protobuf_Timestamp(session.expiresAt)
    role = Opentier_V1_UserRole(session.role)
    if let address = session.ipAddress { ipAddress = address }
    if let agent = session.userAgent { userAgent = agent }
    self.current = session.id == current
  }
}
